import type { ServerResponse } from 'node:http';

/**
 * Answers are for their reader alone, and GraphiQL's page holds a token: no cache stores them, and no other page can frame
 * them.
 */
const protectiveHeaders = new Map([
  ['cache-control', 'no-store'],
  ['x-content-type-options', 'nosniff'],
  ['x-frame-options', 'DENY'],
]);
/** Sets the headers of an answer that only its reader may see. */
export const protect = (response: ServerResponse): void => {
  for (const [name, value] of protectiveHeaders) response.setHeader(name, value);
};
