import { isToken, type Settings } from './options.ts';
import type { Item } from './outbox.ts';
import type { World } from './world.ts';

/** What the API said to a batch, or that it said nothing. `why` is for people; it may quote the API. */
export type Answer =
  | { kind: 'answered'; results: { status: 'RECORDED' | 'DUPLICATE' | 'REFUSED'; issues: unknown }[] }
  /** It will never take this batch as it is. */
  | { kind: 'refused'; why: string }
  /** It may take it later. */
  | { kind: 'failed'; cause: 'credentials' | 'timeout' | 'other'; why: string; retryAfterMs: number };

/** The API refuses bodies over 1 MiB. */
export const maxRequestBytes = 1_000_000;

export const recordAuditEvents = `mutation RecordAuditEvents($input: RecordAuditEventsInput!) {
  recordAuditEvents(input: $input) {
    __typename
    ... on RecordAuditEventsPayload { results { id status issues { path message } } }
    ... on ValidationError { message issues { path message } }
  }
}`;
const start = `{"query":${JSON.stringify(recordAuditEvents)},"operationName":"RecordAuditEvents","variables":{"input":{"events":[`;
const end = ']}}}';

/** What is left of a request for events, each with a comma. */
export const maxEventsBytes = maxRequestBytes - start.length - end.length;

/** Answers that long are no answers. */
const maxRetryAfterMs = 300_000;

type Deps = { settings: Settings; world: Pick<World, 'now' | 'startTimer'>; onToken: (token: string) => void };

/**
 * Sends one batch and reads the answer; never rejects. Ends when `requestTimeoutMs` have passed, the asking for a token
 * included, or when the signal says so.
 */
export const postBatch = async (
  batch: readonly Item[],
  { settings, world, onToken }: Deps,
  stopped: AbortSignal,
): Promise<Answer> => {
  const timedOut = new AbortController();
  const cancel = world.startTimer(settings.requestTimeoutMs, () => timedOut.abort());
  const signal = AbortSignal.any([timedOut.signal, stopped]);
  try {
    const token = await tokenOf(settings.token, signal);
    if (token === null) return failed('token() failed, or gave no token', { cause: 'credentials' });
    onToken(token);
    const response = await fetch(settings.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json', authorization: `Bearer ${token}` },
      body: start + batch.map(({ text }) => text).join(',') + end,
      // A redirect would turn this into a GET, and may lead the token elsewhere.
      redirect: 'error',
      signal,
    });
    return toAnswer(response, await response.text(), batch.length, world.now());
  } catch (error) {
    if (timedOut.signal.aborted) return failed(`no answer within ${settings.requestTimeoutMs} ms`, { cause: 'timeout' });
    return failed(describe(error));
  } finally {
    cancel();
  }
};

const failed = (
  why: string,
  { cause = 'other', retryAfterMs = 0 }: { cause?: 'credentials' | 'timeout' | 'other'; retryAfterMs?: number } = {},
): Answer => ({ kind: 'failed', cause, why, retryAfterMs });

/** Null: there is none. What the function throws is not shown: it may hold credentials. */
const tokenOf = async (token: Settings['token'], signal: AbortSignal): Promise<string | null> => {
  if (typeof token === 'string') return token;
  const aborted = new Promise<never>((_, reject) => signal.addEventListener('abort', reject, { once: true }));
  try {
    const given = await Promise.race([token(), aborted]);
    return isToken(given) ? given : null;
  } catch {
    signal.throwIfAborted();
    return null;
  }
};

/** fetch says no more than "fetch failed": what happened is in the cause. */
const describe = (error: unknown): string => {
  if (!(error instanceof Error)) return 'the request failed';
  const { cause } = error;
  if (!(cause instanceof Error)) return error.message;
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.message;
};

type Body = {
  data?: { recordAuditEvents?: { __typename?: string; message?: string; results?: unknown; issues?: unknown } | null } | null;
  errors?: { message?: string; extensions?: { code?: string } }[];
};

const toAnswer = (response: Response, text: string, batchLength: number, nowMs: number): Answer => {
  const { status } = response;
  const body = parse(text);
  const error = body?.errors?.[0];
  const code = error?.extensions?.code;
  const why = error ? `${code ?? status}: ${error.message}` : `HTTP ${status}`;
  if (status === 401 || status === 403 || code === 'UNAUTHENTICATED' || code === 'FORBIDDEN') {
    return failed(why, { cause: 'credentials', retryAfterMs: retryAfterMs(response, nowMs) });
  }
  // An API that does not know the mutation, or the client's fields of it, is an older one: it may be renewed.
  const isAboutTheDocument = code === 'GRAPHQL_VALIDATION_FAILED' || code === 'GRAPHQL_PARSE_FAILED';
  if (!isAboutTheDocument && (status === 400 || status === 413 || code === 'BAD_USER_INPUT')) return { kind: 'refused', why };
  const result = body?.data?.recordAuditEvents;
  if (!response.ok || error || !result) {
    return failed(response.ok && !error ? 'the answer is none of this API' : why, {
      retryAfterMs: retryAfterMs(response, nowMs),
    });
  }
  if (result.__typename === 'ValidationError') {
    return { kind: 'refused', why: `${result.message} ${JSON.stringify(result.issues ?? [])}` };
  }
  if (!isResults(result.results, batchLength)) return failed('the answer does not say what became of each event');
  return { kind: 'answered', results: result.results };
};

const parse = (text: string): Body | null => {
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === 'object' ? body : null;
  } catch {
    return null;
  }
};

const statuses: readonly unknown[] = ['RECORDED', 'DUPLICATE', 'REFUSED'];
const isResults = (value: unknown, length: number): value is (Answer & { kind: 'answered' })['results'] =>
  Array.isArray(value) && value.length === length && value.every((one) => statuses.includes(one?.status));

/** Retry-After (RFC 9110, section 10.2.3) in seconds or as a date; at most five minutes. */
const retryAfterMs = ({ headers }: Response, nowMs: number): number => {
  const value = headers.get('retry-after');
  if (!value) return 0;
  const ms = /^\d+$/.test(value.trim()) ? Number(value) * 1000 : Date.parse(value) - nowMs;
  return Number.isNaN(ms) ? 0 : Math.min(Math.max(ms, 0), maxRetryAfterMs);
};
