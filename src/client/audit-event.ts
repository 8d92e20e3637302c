/** What can be recorded, by its short name or by its name in the log. */
export type AuditEventName =
  | 'login'
  | 'logout'
  | 'data_export_requested'
  | 'data_export_completed'
  | 'data_delete_requested'
  | 'data_delete_completed'
  | 'subscription_created'
  | 'subscription_cancelled'
  | 'settings_changed'
  | 'oauth_connected'
  | 'oauth_disconnected'
  | 'admin_action'
  | 'auth.login'
  | 'auth.logout'
  | 'data_export.requested'
  | 'data_export.completed'
  | 'data_delete.requested'
  | 'data_delete.completed'
  | 'subscription.created'
  | 'subscription.cancelled'
  | 'settings.changed'
  | 'oauth.connected'
  | 'oauth.disconnected'
  | 'admin.action';

/** Who did what, as the application says it. Absent, null and undefined are the same, but for the values before and after. */
export type AuditEvent = {
  type: AuditEventName;
  /** A UUID; the same one again is recorded once. Absent: a new one. */
  id?: string;
  /** Absent: now. Text is RFC 3339 with an offset. */
  occurredAt?: Date | string | null;
  userId?: string | null;
  userName?: string | null;
  userEmail?: string | null;
  workspaceId?: string | null;
  /** Absent: the default environment of the service that keeps the log. */
  environment?: string | null;
  ipAddress?: string | null;
  userAgent?: string | null;
  sessionId?: string | null;
  requestId?: string | null;
  action?: string | null;
  resource?: string | null;
  resourceId?: string | null;
  /** Anything that JSON can carry; the same goes for the values before and after. A bigint becomes text. */
  details?: unknown;
  previousValue?: unknown;
  newValue?: unknown;
  /** Absent: SUCCESS. */
  result?: 'SUCCESS' | 'FAILURE' | 'DENIED' | null;
  errorMessage?: string | null;
};

/** Why an event could not be written down, as `audit.loss` says it. */
export type UnwritableReason = 'client_event_unwritable' | 'client_event_too_large';

export type WrittenDown =
  | { ok: true; id: string; type: string; text: string }
  | { ok: false; reason: UnwritableReason; why: string };

type Limits = { newId: () => string; nowMs: number; maxBytes: number };

/**
 * Writes an event down as JSON, at once: what becomes of the caller's objects later does not change it. Takes whatever it is
 * given, and never throws; what has no JSON form, or is larger than `maxBytes`, is not written. It stops early at what is too large.
 */
export const writeDown = (event: unknown, { newId, nowMs, maxBytes }: Limits): WrittenDown => {
  try {
    const record = toRecord(event, newId, nowMs);
    const text = toStorable(JSON.stringify(record, bounded(maxBytes)));
    // A UTF-16 unit takes three bytes at most, so most events need no counting.
    if (text.length * 3 > maxBytes && utf8Bytes(text) > maxBytes) throw new TooLargeError(maxBytes);
    if (text.length > maxDepth && depthOf(text) > maxDepth) throw new RangeError(`it is nested more than ${maxDepth} deep`);
    return { ok: true, id: record.id, type: record.type, text };
  } catch (thrown) {
    return explain(thrown);
  }
};

export const utf8Bytes = (text: string): number => encoder.encode(text).length;
const encoder = new TextEncoder();

class TooLargeError extends Error {
  constructor(maxBytes: number) {
    super(`it is larger than ${maxBytes} bytes as JSON`);
  }
}

// The API refuses a whole batch for one field that it does not know, or that has another type: only what it knows goes out.
const toRecord = (event: unknown, newId: () => string, nowMs: number) => {
  if (typeof event !== 'object' || event === null) throw new TypeError(`the event is ${nameOf(event)}: it must be an object`);
  const given = event as Readonly<Record<keyof AuditEvent, unknown>>;
  const type = textOf(given, 'type');
  if (!type) throw new TypeError('type is missing');
  return {
    id: textOf(given, 'id') ?? newId(),
    type,
    occurredAt: instantOf(given.occurredAt, nowMs),
    userId: textOf(given, 'userId'),
    userName: textOf(given, 'userName'),
    userEmail: textOf(given, 'userEmail'),
    workspaceId: textOf(given, 'workspaceId'),
    environment: textOf(given, 'environment'),
    ipAddress: textOf(given, 'ipAddress'),
    userAgent: textOf(given, 'userAgent'),
    sessionId: textOf(given, 'sessionId'),
    requestId: textOf(given, 'requestId'),
    action: textOf(given, 'action'),
    resource: textOf(given, 'resource'),
    resourceId: textOf(given, 'resourceId'),
    details: given.details,
    previousValue: given.previousValue,
    newValue: given.newValue,
    result: resultOf(given.result),
    errorMessage: textOf(given, 'errorMessage'),
  };
};

const textOf = (given: Readonly<Record<keyof AuditEvent, unknown>>, field: keyof AuditEvent): string | undefined => {
  const value = given[field];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  // Ids are numbers in many a database.
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  throw new TypeError(`${field} is ${nameOf(value)}: it must be text`);
};

const hasOffset = /(?:Z|[+-]\d\d:\d\d)$/i;

const instantOf = (value: unknown, nowMs: number): string => {
  if (value === undefined || value === null) return new Date(nowMs).toISOString();
  const isInstant = value instanceof Date || (typeof value === 'string' && hasOffset.test(value));
  const at = new Date(isInstant ? value : Number.NaN);
  if (Number.isNaN(at.getTime())) throw new TypeError('occurredAt is no instant: it must be a Date, or RFC 3339 with an offset');
  return at.toISOString();
};

const resultOf = (value: unknown): string | undefined => {
  if (value === undefined || value === null) return undefined;
  if (value === 'SUCCESS' || value === 'FAILURE' || value === 'DENIED') return value;
  throw new TypeError('result is none of SUCCESS, FAILURE, DENIED');
};

const nameOf = (value: unknown): string =>
  value === undefined || value === null ? String(value) : typeof value === 'object' ? 'an object' : `a ${typeof value}`;

/** Text in JSON takes at least as many bytes as it has units: where they exceed the bound, there is no need to go on. */
const bounded = (maxBytes: number) => {
  let left = maxBytes;
  return (key: string, value: unknown): unknown => {
    left -= key.length + (typeof value === 'string' ? value.length : 1);
    if (left < 0) throw new TooLargeError(maxBytes);
    return typeof value === 'bigint' ? String(value) : value;
  };
};

// JSON writes NUL and lone surrogates, which the API refuses, as escapes; a pair of backslashes is consumed as one.
const escapes = /\\(?:(u0000|ud[89a-f][0-9a-f]{2})|.)/g;

/** Replaces NUL and lone surrogates by U+FFFD, in keys and in values. */
const toStorable = (json: string): string =>
  json.includes('\\u') ? json.replace(escapes, (written, unstorable) => (unstorable ? '\uFFFD' : written)) : json;

// What reads the event later may go down into it by calling itself, and an event that it fails on would hold up all others.
const maxDepth = 200;

/** How deep a JSON text goes. A regular expression would be shorter; this runs with every event. */
const depthOf = (json: string): number => {
  let depth = 0;
  let deepest = 0;
  let isInText = false;
  for (let index = 0; index < json.length; index++) {
    const character = json[index];
    if (isInText) {
      if (character === '\\') index++;
      else if (character === '"') isInText = false;
    } else if (character === '"') isInText = true;
    else if (character === '{' || character === '[') deepest = Math.max(deepest, ++depth);
    else if (character === '}' || character === ']') depth--;
  }
  return deepest;
};

/** What was thrown may be anything, and may throw again when it is looked at. */
const explain = (thrown: unknown): WrittenDown => {
  const reason = 'client_event_unwritable';
  try {
    if (thrown instanceof TooLargeError) return { ok: false, reason: 'client_event_too_large', why: thrown.message };
    return { ok: false, reason, why: String(thrown instanceof Error ? thrown.message : thrown).slice(0, 500) };
  } catch {
    return { ok: false, reason, why: 'it threw something that cannot be read' };
  }
};
