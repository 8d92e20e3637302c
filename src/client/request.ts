import { isToken, type Settings } from './options.ts';
import type { ServiceClock } from './service-clock.ts';
import type { World } from './world.ts';

/** The parts of an item that are sent. */
type Sent = { id: string; text: string };

type Result = { id: string; status: 'RECORDED' | 'DUPLICATE' | 'REFUSED'; issues: unknown };

/** The API's answer to a batch, or that there was none. `why` is for people; it can quote the API. */
export type Answer =
  /** One result for each event, in the order of the batch. */
  | { kind: 'answered'; results: Result[] }
  /** The API will never accept this batch as it is. */
  | { kind: 'refused'; why: string }
  /** The API may accept it later. */
  | { kind: 'failed'; cause: Cause; why: string; retryAfterMs: number };

/** `size`: the request took too long, or the answer was too large; smaller parts may succeed. */
type Cause = 'credentials' | 'size' | 'other';

/** The API refuses bodies over 1 MiB. */
const maxRequestBytes = 1_000_000;

const recordAuditEvents = `mutation RecordAuditEvents($input: RecordAuditEventsInput!) {
  recordAuditEvents(input: $input) {
    __typename
    ... on RecordAuditEventsPayload { results { id status issues { path message } } }
    ... on ValidationError { message issues { path message } }
  }
}`;
const start = `{"query":${JSON.stringify(recordAuditEvents)},"operationName":"RecordAuditEvents","variables":{"input":{"events":[`;
const end = ']}}}';

/** How many bytes of a request are left for events, each with a comma. */
export const maxEventsBytes = maxRequestBytes - start.length - end.length;

/** The longest Retry-After that is followed; a longer one counts as this long. */
const maxRetryAfterMs = 300_000;
const maxAnswerBytes = 1024 * 1024;

type Deps = { settings: Settings; world: Pick<World, 'startTimer'>; clock: ServiceClock; onToken: (token: string) => void };

/**
 * Sends one batch and reads the answer. Never rejects. Ends after `requestTimeoutMs`, which includes getting the token, or when
 * the signal aborts. The clock learns from the answer.
 */
export const postBatch = async (
  batch: readonly Sent[],
  { settings, world, clock, onToken }: Deps,
  stopped: AbortSignal,
): Promise<Answer> => {
  const timedOut = new AbortController();
  const cancel = world.startTimer(settings.requestTimeoutMs, () => timedOut.abort());
  const signal = AbortSignal.any([timedOut.signal, stopped]);
  try {
    const token = await tokenOf(settings.token, signal);
    if (token === null) return failed('token() failed, or returned no token', 'credentials');
    onToken(token);
    const response = await fetch(settings.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json', authorization: `Bearer ${token}` },
      body: start + batch.map(({ text }) => text).join(',') + end,
      // A redirect would turn this into a GET, and could send the token elsewhere.
      redirect: 'error',
      signal,
    });
    const text = await readText(response);
    if (text === null) return failed(`the answer is larger than ${maxAnswerBytes} bytes`, 'size');
    const answer = toAnswer(response, text, batch);
    if (answer.kind !== 'failed') clock.learn(response.headers.get('date'));
    else answer.retryAfterMs = retryAfterMs(response, clock.now());
    return answer;
  } catch (error) {
    if (timedOut.signal.aborted) return failed(`no answer within ${settings.requestTimeoutMs} ms`, 'size');
    return failed(describe(error));
  } finally {
    cancel();
  }
};

const failed = (why: string, cause: Cause = 'other'): Answer => ({
  kind: 'failed',
  cause,
  why,
  retryAfterMs: 0,
});

/** Returns null if the body is too large. Bytes are counted after decompression, and the rest is not fetched. */
const readText = async ({ body }: Response): Promise<string | null> => {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for await (const chunk of body ?? []) {
    bytes += chunk.length;
    // Leaving the loop cancels the body.
    if (bytes > maxAnswerBytes) return null;
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
};

/** The token, or null if there is none. An error of the function is not shown, because it can contain credentials. */
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

/** fetch only says "fetch failed"; what happened is in the cause. */
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

const toAnswer = ({ status, ok }: Response, text: string, batch: readonly Sent[]): Answer => {
  const body = parse(text);
  const error = body?.errors?.[0];
  const code = error?.extensions?.code;
  const why = error ? `${code ?? status}: ${error.message}` : `HTTP ${status}`;
  if (status === 401 || status === 403 || code === 'UNAUTHENTICATED' || code === 'FORBIDDEN') {
    return failed(why, 'credentials');
  }
  // No other 400 is about the events: it comes from a proxy, or from an older API that does not know the mutation, or a field,
  // and may be updated. But what is too large for a proxy will always be.
  if (status === 413 || code === 'BAD_USER_INPUT') return { kind: 'refused', why };
  const result = body?.data?.recordAuditEvents;
  if (!ok || error || !result) return failed(ok && !error ? 'the answer does not come from this API' : why);
  if (result.__typename === 'ValidationError') {
    return { kind: 'refused', why: `${result.message} ${JSON.stringify(result.issues ?? [])}` };
  }
  const results = toResults(result.results, batch);
  return results ? { kind: 'answered', results } : failed('the answer does not say what became of each event');
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
const isResult = (value: Partial<Result> | null): value is Result =>
  typeof value?.id === 'string' && statuses.includes(value.status);

/**
 * The results in the order of the batch, matched by id; an application may use an id twice. Null if they do not match the batch.
 */
const toResults = (value: unknown, batch: readonly Sent[]): Result[] | null => {
  if (!Array.isArray(value) || value.length !== batch.length || !value.every(isResult)) return null;
  const byId = new Map<string, Result[]>();
  for (const result of value) byId.set(result.id, [...(byId.get(result.id) ?? []), result]);
  const results = batch.flatMap(({ id }) => byId.get(id)?.shift() ?? []);
  return results.length === batch.length ? results : null;
};

/** Retry-After (RFC 9110, section 10.2.3), in seconds or as a date; at most five minutes. */
const retryAfterMs = ({ headers }: Response, nowMs: number): number => {
  const value = headers.get('retry-after');
  if (!value) return 0;
  const ms = /^\d+$/.test(value.trim()) ? Number(value) * 1000 : Date.parse(value) - nowMs;
  return Number.isNaN(ms) ? 0 : Math.min(Math.max(ms, 0), maxRetryAfterMs);
};
