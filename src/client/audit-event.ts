import { TooLargeError, toPlainJson } from './plain-json.ts';

/** What can be recorded, by short name or by the name in the log. */
export const auditEventNames = [
  'login',
  'logout',
  'data_export_requested',
  'data_export_completed',
  'data_delete_requested',
  'data_delete_completed',
  'subscription_created',
  'subscription_cancelled',
  'settings_changed',
  'oauth_connected',
  'oauth_disconnected',
  'admin_action',
  'auth.login',
  'auth.logout',
  'data_export.requested',
  'data_export.completed',
  'data_delete.requested',
  'data_delete.completed',
  'subscription.created',
  'subscription.cancelled',
  'settings.changed',
  'oauth.connected',
  'oauth.disconnected',
  'admin.action',
] as const;
export type AuditEventName = (typeof auditEventNames)[number];

/** `type` says what happened, and `action` can add the application's own words; or `action` alone says what happened. */
type WhatHappened = { type: AuditEventName; action?: string | null } | { type?: null; action: AuditEventName };

/** Who did what. An absent field means the same as null or undefined, except in the values before and after. */
export type AuditEvent = WhatHappened & {
  /** A UUID. An event with the same UUID is recorded only once. Absent: a new one. */
  id?: string;
  /** A Date, or RFC 3339 with an offset. Absent: now. */
  occurredAt?: Date | string | null;
  userId?: string | null;
  userName?: string | null;
  userEmail?: string | null;
  workspaceId?: string | null;
  /** Absent: the default environment of the Flagtrail service. */
  environment?: string | null;
  ipAddress?: string | null;
  userAgent?: string | null;
  sessionId?: string | null;
  requestId?: string | null;
  resource?: string | null;
  resourceId?: string | null;
  /**
   * Any JSON value; the same goes for the values before and after. A bigint becomes text; binary data is replaced by its length.
   */
  details?: unknown;
  previousValue?: unknown;
  newValue?: unknown;
  /** Absent: SUCCESS. */
  result?: 'SUCCESS' | 'FAILURE' | 'DENIED' | null;
  errorMessage?: string | null;
};

/** Why an event could not be written as JSON; `audit.loss` repeats it. */
type UnwritableReason = 'client_event_unwritable' | 'client_event_too_large';

export type SerializedEvent =
  /** `doubt`: why the API will probably refuse the event. */
  | { ok: true; id: string; type: string; text: string; occurredAtMs: number; doubt: string | null }
  /** `mistake` names the kind of mistake, of which there are few; `why` can be about this one event. */
  | { ok: false; reason: UnwritableReason; mistake: string; why: string };

type Limits = { newId: () => string; nowMs: number; maxBytes: number };

/**
 * Writes an event as JSON at once, so that later changes to the caller's objects do not matter. Takes any value and never throws;
 * an event that has no JSON form, or is larger than `maxBytes`, is not written. Stops early if the event is too large.
 */
export const serializeEvent = (event: unknown, { newId, nowMs, maxBytes }: Limits): SerializedEvent => {
  try {
    const record = toRecord(event, newId, nowMs);
    const plain = toPlainJson(record, maxBytes) as typeof record;
    const text = JSON.stringify(plain);
    // A UTF-16 unit takes at most three bytes, so most events need not be counted.
    if (text.length * 3 > maxBytes && utf8Bytes(text) > maxBytes) throw new TooLargeError(maxBytes);
    const doubt = isKnown(plain.type) ? null : `type is '${plain.type.slice(0, 100)}': it must be ${known}`;
    return { ok: true, id: plain.id, type: plain.type, text, occurredAtMs: Date.parse(plain.occurredAt), doubt };
  } catch (thrown) {
    return explain(thrown);
  }
};

export const utf8Bytes = (text: string): number => encoder.encode(text).length;
const encoder = new TextEncoder();

type Given = Readonly<Record<keyof AuditEvent, unknown>>;

/** A field that the client does not understand. */
class MistakeError extends TypeError {
  readonly field: string;
  constructor(field: string, message: string) {
    super(message);
    this.field = field;
  }
}

const toRecord = (event: unknown, newId: () => string, nowMs: number) => {
  if (typeof event !== 'object' || event === null)
    throw new MistakeError('event', `the event is ${nameOf(event)}: it must be an object`);
  const fields = Object.entries(readers).map(([field, read]) => [field, read(event as Given, field as Field, { newId, nowMs })]);
  return Object.fromEntries(fields) as { id: string; type: string; occurredAt: string };
};

type Field = keyof AuditEvent;
/** Reads a field of the given event; undefined leaves it out. */
type Reader = (given: Given, field: Field, world: { newId: () => string; nowMs: number }) => unknown;

const textOf = (given: Given, field: keyof AuditEvent): string | undefined => {
  const value = given[field];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  // Many databases have numbers as ids.
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  throw new MistakeError(field, `${field} is ${nameOf(value)}: it must be text`);
};

const known = `one of ${auditEventNames.join(', ')}`;
const isKnown = (name: string): boolean => auditEventNames.some((one) => one === name);

/**
 * Accepts a type that it does not know, because the API may be newer than this client. An action is a type only if it is known.
 */
const typeOf = (given: Given): string => {
  const type = textOf(given, 'type');
  if (type) return type;
  const action = textOf(given, 'action');
  if (action && isKnown(action)) return action;
  const beside = action ? `, and action '${action.slice(0, 100)}' does not stand for it` : '';
  throw new MistakeError('type', `type is missing${beside}: one of them must be ${known}`);
};

const hasOffset = /(?:Z|[+-]\d\d:\d\d)$/i;

const instantOf = (value: unknown, nowMs: number): string => {
  if (value === undefined || value === null) return new Date(nowMs).toISOString();
  const isInstant = value instanceof Date || (typeof value === 'string' && hasOffset.test(value));
  const at = new Date(isInstant ? value : Number.NaN);
  if (Number.isNaN(at.getTime()))
    throw new MistakeError('occurredAt', 'occurredAt is not an instant: it must be a Date, or RFC 3339 with an offset');
  return at.toISOString();
};

const resultOf = (value: unknown): string | undefined => {
  if (value === undefined || value === null) return undefined;
  if (value === 'SUCCESS' || value === 'FAILURE' || value === 'DENIED') return value;
  throw new MistakeError('result', 'result must be SUCCESS, FAILURE or DENIED');
};

const nameOf = (value: unknown): string =>
  value === undefined || value === null ? String(value) : typeof value === 'object' ? 'an object' : `a ${typeof value}`;

const anything: Reader = (given, field) => given[field];

// One reader for each field that the API knows. Any other field is left out, because the API refuses a whole batch for an unknown
// field, or for one of the wrong type.
const readers: Record<Field, Reader> = {
  id: (given, field, { newId }) => textOf(given, field) ?? newId(),
  type: typeOf,
  occurredAt: ({ occurredAt }, _, { nowMs }) => instantOf(occurredAt, nowMs),
  userId: textOf,
  userName: textOf,
  userEmail: textOf,
  workspaceId: textOf,
  environment: textOf,
  ipAddress: textOf,
  userAgent: textOf,
  sessionId: textOf,
  requestId: textOf,
  action: textOf,
  resource: textOf,
  resourceId: textOf,
  details: anything,
  previousValue: anything,
  newValue: anything,
  result: ({ result }) => resultOf(result),
  errorMessage: textOf,
};

/** Anything can be thrown, even a value that throws again when it is read. */
const explain = (thrown: unknown): SerializedEvent => {
  const unwritable = { ok: false, reason: 'client_event_unwritable' } as const;
  try {
    if (thrown instanceof TooLargeError)
      return { ok: false, reason: 'client_event_too_large', mistake: 'size', why: thrown.message };
    const mistake = thrown instanceof MistakeError ? thrown.field : 'JSON';
    return { ...unwritable, mistake, why: String(thrown instanceof Error ? thrown.message : thrown).slice(0, 500) };
  } catch {
    return { ...unwritable, mistake: 'JSON', why: 'it threw a value that cannot be read' };
  }
};
