import { AsyncLocalStorage } from 'node:async_hooks';
import type { RequestContext } from '../access/model/actor.ts';
import { clientNetwork } from './client-network.ts';

type RequestScope = { requestId: string | null; share: string };

/**
 * The request that the code at hand runs for: its id is in every log line written meanwhile, and what it takes is taken from
 * its sender's share; until that is known, from the share of the address.
 */
export const requestScope = new AsyncLocalStorage<RequestScope>();

/** Of a request whose sender nobody knows yet. */
export const strangerScope = ({ requestId, ipAddress }: RequestContext): RequestScope => ({
  requestId,
  share: `address ${clientNetwork(ipAddress)}`,
});
