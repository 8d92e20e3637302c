import { AsyncLocalStorage } from 'node:async_hooks';
import type { RequestContext } from '../access/model/actor.ts';
import { clientNetwork } from './client-network.ts';

type RequestScope = { requestId: string | null; share: string };

/**
 * The request that the current code runs for. Every log line that it writes has the request id, and what it uses counts towards
 * the share of the caller or, until the caller is known, of the address.
 */
export const requestScope = new AsyncLocalStorage<RequestScope>();

/** The scope of a request that is not authenticated yet. */
export const strangerScope = ({ requestId, ipAddress }: RequestContext): RequestScope => ({
  requestId,
  share: `address ${clientNetwork(ipAddress)}`,
});
