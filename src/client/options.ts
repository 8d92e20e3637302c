import { z } from 'zod';
import { type AuditClientLogger, consoleLogger } from './logger.ts';

/** How a client works. Only `url` and `token` are required. Times are in milliseconds. */
export type AuditClientOptions = {
  /**
   * Flagtrail's address, for example https://flags.example.com. If it has a path, that is the GraphQL API's path (default:
   * /graphql).
   */
  url: string | URL;
  /**
   * An API key or a JWT; or a function that returns one and is called before each request, for tokens that expire. If it throws,
   * the try has failed.
   */
  token: string | (() => string | Promise<string>);
  /** Default: the console, as text. */
  logger?: AuditClientLogger;
  /** How many events can wait, 1 to 1,000,000. Further ones are dropped, and declared in the log. Default: 10,000. */
  maxQueued?: number;
  /** How many UTF-16 units of JSON can wait, 1,000,000 to 1,000,000,000. Default: 64,000,000. */
  maxQueuedChars?: number;
  /** How many events a request can have, 1 to 500. Default: 500. */
  batchSize?: number;
  /** How long an event waits for others to share its request, 0 to 60,000. Default: 1,000. */
  flushIntervalMs?: number;
  /** After how long a request without an answer has failed, 100 to 600,000. Default: 10,000. */
  requestTimeoutMs?: number;
  /** The wait after a first failure, 10 to 600,000; it doubles with each further one, and half of it is random. Default: 500. */
  retryFirstMs?: number;
  /** The longest such wait, 10 to 600,000. Default: 30,000. */
  retryMaxMs?: number;
};

export type Settings = Required<Omit<AuditClientOptions, 'url' | 'logger'>> & { url: string; logger: AuditClientLogger };

const number = (min: number, max: number, fallback: number) => {
  const allowed = `must be an integer from ${min} to ${max}`;
  return z.int(allowed).min(min, allowed).max(max, allowed).default(fallback);
};

/** RFC 6750's b64token, the form of JWTs and API keys. No header refuses it, so no error can reveal it. */
const tokenShape = /^[A-Za-z0-9\-._~+/]+=*$/;
export const isToken = (value: unknown): value is string => typeof value === 'string' && tokenShape.test(value);

const isFunction = (value: unknown): boolean => typeof value === 'function';

const isLogger = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  isFunction((value as AuditClientLogger).warn) &&
  isFunction((value as AuditClientLogger).error);

const toEndpoint = (value: string | URL): string | null => {
  if (!URL.canParse(String(value))) return null;
  const url = new URL(value);
  if (!/^https?:$/.test(url.protocol) || url.username || url.password) return null;
  if (url.pathname === '/') url.pathname = '/graphql';
  return url.href;
};

const optionsSchema = z.strictObject({
  url: z.union([z.string(), z.instanceof(URL)], 'must be an http or https URL').transform((value, context) => {
    const endpoint = toEndpoint(value);
    if (endpoint) return endpoint;
    context.addIssue('must be an http or https URL without user and password');
    return z.NEVER;
  }),
  token: z.custom<Settings['token']>(
    (value) => isToken(value) || isFunction(value),
    'must be a token (letters, digits, -._~+/) or a function that returns one',
  ),
  logger: z
    .custom<AuditClientLogger>(isLogger, 'must have the methods warn(fields, message) and error(fields, message)')
    .default(consoleLogger),
  maxQueued: number(1, 1_000_000, 10_000),
  maxQueuedChars: number(1_000_000, 1_000_000_000, 64_000_000),
  batchSize: number(1, 500, 500),
  flushIntervalMs: number(0, 60_000, 1000),
  requestTimeoutMs: number(100, 600_000, 10_000),
  retryFirstMs: number(10, 600_000, 500),
  retryMaxMs: number(10, 600_000, 30_000),
});

/** Checks the options. Throws a TypeError that names each wrong option and what is allowed; it never reveals a token. */
export const toSettings = (options: AuditClientOptions): Settings => {
  const { success, data, error } = optionsSchema.safeParse(options);
  if (success) return data;
  const problems = error.issues.map(({ path, message }) => (path.length > 0 ? `${path.join('.')} ${message}` : message));
  throw new TypeError(`the options of the audit client are wrong: ${problems.join('; ')}`);
};
