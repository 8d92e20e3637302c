import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { RequestContext } from '../domain/actor.ts';
import { toStorableText } from '../domain/text.ts';

const maxHeaderLength = 512;
/** Request ids of callers are taken over where they look like ids. */
const requestIdPattern = /^[A-Za-z0-9._:/+=-]{1,128}$/;

const header = (request: IncomingMessage, name: string): string | null => {
  const value = request.headers[name];
  // Node reads header bytes as Latin-1; clients write UTF-8.
  return typeof value === 'string' ? toStorableText(Buffer.from(value, 'latin1').toString('utf8'), maxHeaderLength) : null;
};

/** Where a request came from. Its id is the caller's `X-Request-Id`, or a new one. */
export const readRequestContext = (request: IncomingMessage): RequestContext => {
  const given = header(request, 'x-request-id');
  return {
    ipAddress: request.socket.remoteAddress?.replace(/^::ffff:/, '') ?? null,
    userAgent: header(request, 'user-agent'),
    requestId: given && requestIdPattern.test(given) ? given : randomUUID(),
    sessionId: null,
    apiKeyId: null,
  };
};

/** The path of a request's target, without its query. */
export const pathOf = ({ url = '/' }: IncomingMessage): string => url.split('?', 1)[0] ?? '/';
