import { setTimeout as sleep } from 'node:timers/promises';
import { readFromServer } from '../src/verify/read-tiles.ts';
import { verifyServer } from '../src/verify/verify.ts';
import type { Api } from './api.ts';
import type { Check } from './checks.ts';

type Options = {
  api: Pick<Api, 'signedLog'>;
  url: string;
  token: string;
  /** The position that a checkpoint must cover first. */
  upTo: number;
  signal: AbortSignal;
};

const signedWithinMs = 30_000;
const requestTimeoutMs = 30_000;

/**
 * Verifies the service's log, as `flagtrail verify --url` does. The service itself says which key signs: an auditor would have
 * kept it before.
 */
export const verifyLog = async ({ api, url, token, upTo, signal }: Options): Promise<Check> => {
  const key = await waitUntilSigned({ api, upTo, signal });
  const wait = (ms: number) => sleep(ms, undefined, { signal });
  const read = readFromServer({ url, token, fetch, timeoutMs: requestTimeoutMs, wait });
  const { outcome, finding, reason, size, signedTo } = await verifyServer({
    keys: key === null ? [] : [key],
    pins: [],
    read,
    wait,
  });
  const problems = [finding?.sentence, reason].filter((problem) => problem != null);
  if (signedTo < upTo) problems.push(`only ${signedTo} of its events are signed`);
  if (outcome !== 'good' && problems.length === 0) problems.push(outcome);
  return { title: `the log proves itself: its ${size} events are what was signed`, problems };
};

/** Waits for a checkpoint that covers the position, but not for ever. Returns the verifier line of the key that signs. */
const waitUntilSigned = async ({ api, upTo, signal }: Pick<Options, 'api' | 'upTo' | 'signal'>): Promise<string | null> => {
  for (const until = Date.now() + signedWithinMs; ; await sleep(200, undefined, { signal })) {
    const { signingKey, signedSize } = await api.signedLog();
    if ((signedSize ?? 0) >= upTo || Date.now() > until) return signingKey;
  }
};
