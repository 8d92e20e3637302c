import { TooLargeError, toPlainJson } from './plain-json.ts';

/** What can be recorded, by its short name or by its name in the log. */
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

/** What happened is said in `type`, with an `action` in the application's own words beside it; or in `action` alone. */
type WhatHappened = { type: AuditEventName; action?: string | null } | { type?: null; action: AuditEventName };

/** Who did what, as the application says it. Absent, null and undefined are the same, but for the values before and after. */
export type AuditEvent = WhatHappened & {
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
  resource?: string | null;
  resourceId?: string | null;
  /** Anything that JSON can carry; the same goes for the values before and after. A bigint becomes text, binary data its length. */
  details?: unknown;
  previousValue?: unknown;
  newValue?: unknown;
  /** Absent: SUCCESS. */
  result?: 'SUCCESS' | 'FAILURE' | 'DENIED' | null;
  errorMessage?: string | null;
};

/** Why an event could not be written down, as `audit.loss` says it. */
type UnwritableReason = 'client_event_unwritable' | 'client_event_too_large';

export type WrittenDown =
  /** `doubt`: what the API will probably refuse. */
  | { ok: true; id: string; type: string; text: string; occurredAtMs: number; doubt: string | null }
  /** `mistake` names the kind of it, of which there are few; `why` may be about this event alone. */
  | { ok: false; reason: UnwritableReason; mistake: string; why: string };

type Limits = { newId: () => string; nowMs: number; maxBytes: number };

/**
 * Writes an event down as JSON, at once: what becomes of the caller's objects later does not change it. Takes whatever it is
 * given, and never throws; what has no JSON form, or is larger than `maxBytes`, is not written. It stops early at what is too large.
 */
export const writeDown = (event: unknown, { newId, nowMs, maxBytes }: Limits): WrittenDown => {
  try {
    const record = toRecord(event, newId, nowMs);
    const plain = toPlainJson(record, maxBytes) as typeof record;
    const text = JSON.stringify(plain);
    // A UTF-16 unit takes three bytes at most, so most events need no counting.
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

/** A field that cannot be understood. */
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
/** Reads a field of what was given; undefined leaves it out. */
type Reader = (given: Given, field: Field, world: { newId: () => string; nowMs: number }) => unknown;

const textOf = (given: Given, field: keyof AuditEvent): string | undefined => {
  const value = given[field];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  // Ids are numbers in many a database.
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  throw new MistakeError(field, `${field} is ${nameOf(value)}: it must be text`);
};

const known = `one of ${auditEventNames.join(', ')}`;
const isKnown = (name: string): boolean => auditEventNames.some((one) => one === name);

/** A type may be of an API that is newer than this client, so the API judges it; an action is a type only where it is known. */
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
    throw new MistakeError('occurredAt', 'occurredAt is no instant: it must be a Date, or RFC 3339 with an offset');
  return at.toISOString();
};

const resultOf = (value: unknown): string | undefined => {
  if (value === undefined || value === null) return undefined;
  if (value === 'SUCCESS' || value === 'FAILURE' || value === 'DENIED') return value;
  throw new MistakeError('result', 'result is none of SUCCESS, FAILURE, DENIED');
};

const nameOf = (value: unknown): string =>
  value === undefined || value === null ? String(value) : typeof value === 'object' ? 'an object' : `a ${typeof value}`;

const anything: Reader = (given, field) => given[field];

// The API refuses a whole batch for one field that it does not know, or that has another type: only what it knows goes out.
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

/** What was thrown may be anything, and may throw again when it is looked at. */
const explain = (thrown: unknown): WrittenDown => {
  const unwritable = { ok: false, reason: 'client_event_unwritable' } as const;
  try {
    if (thrown instanceof TooLargeError)
      return { ok: false, reason: 'client_event_too_large', mistake: 'size', why: thrown.message };
    const mistake = thrown instanceof MistakeError ? thrown.field : 'JSON';
    return { ...unwritable, mistake, why: String(thrown instanceof Error ? thrown.message : thrown).slice(0, 500) };
  } catch {
    return { ...unwritable, mistake: 'JSON', why: 'it threw something that cannot be read' };
  }
};
