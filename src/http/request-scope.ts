import { AsyncLocalStorage } from 'node:async_hooks';

/** The request that the code at hand runs for: its id is in every log line written meanwhile. */
export const requestScope = new AsyncLocalStorage<{ requestId: string | null }>();
