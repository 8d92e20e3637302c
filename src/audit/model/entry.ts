import canonicalize from 'canonicalize';
import type { Json, JsonObject } from '../../kernel/json.ts';
import type { AuditEvent } from './audit-event.ts';
import { type Disclose, digestAlgorithm, digestsField, readDisclosures } from './disclosure.ts';

// The entry is what the log hashes and keeps for ever. It says in clear what identifies an event. What is personal or large, it
// only keeps digests of: the disclosures stand beside it and can be forgotten, and the hash stays true. No name stands twice, so
// that readers find the place of a disclosure by its name.
const disclosed = {
  event: ['description', 'errorMessage', 'previousState', 'newState', 'changes', 'metadata'],
  actor: ['name', 'email'],
  requestContext: ['ipAddress', 'userAgent', 'sessionId'],
} as const satisfies { event: (keyof AuditEvent)[]; [part: string]: string[] };

/** Fields of the metadata that have disclosures of their own, by the field that such metadata has besides. */
const disclosedInMetadata: Record<string, readonly string[]> = {
  // What admins did.
  adminUserId: ['adminEmail'],
  // What applications say of their users.
  recordedBy: ['details', 'previousValue', 'newValue'],
};
const disclosedOf = (metadata: JsonObject): string[] =>
  Object.entries(disclosedInMetadata).flatMap(([field, names]) => (field in metadata ? names : []));

/** How many bytes an entry can have, so that tiles can serve it (C2SP tlog-tiles). */
export const maxEntryBytes = 65_535;

/** Nothing to hide: null, [] and {} stay in clear. */
const isEmpty = (value: Json | undefined): boolean =>
  value === undefined || value === null || (typeof value === 'object' && Object.keys(value).length === 0);

/**
 * The event as lines: first its entry, the exact bytes of a leaf of the log, in canonical JSON (RFC 8785); then its disclosures.
 * Throws a TypeError if the event has no JSON form.
 */
export const toLines = (event: AuditEvent, disclose: Disclose): string => {
  const lines: string[] = [];
  const hide = (object: JsonObject, names: readonly string[]): JsonObject => {
    const shown: [name: string, value: Json][] = [];
    const digests: string[] = [];
    for (const [name, value] of Object.entries(object)) {
      if (isEmpty(value) || !names.includes(name)) {
        shown.push([name, value]);
        continue;
      }
      const { line, digest } = disclose(name, value);
      lines.push(line);
      digests.push(digest);
    }
    // Not by assignment, which would drop a field called __proto__.
    const clear = Object.fromEntries(shown);
    // Sorted, so that their order says nothing.
    return digests.length === 0 ? clear : { ...clear, [digestsField]: digests.sort() };
  };
  const { actor, requestContext, metadata } = event;
  const parts = {
    ...event,
    actor: hide(actor, disclosed.actor),
    requestContext: requestContext && hide(requestContext, disclosed.requestContext),
    metadata: hide(metadata, disclosedOf(metadata)),
  };
  const entry = canonicalize({ ...hide(parts, disclosed.event), ...digestAlgorithm });
  if (entry === undefined) throw new TypeError(`event ${event.id} has no JSON form`);
  return [entry, ...lines].join('\n');
};

/** An event's lines, apart. */
export const splitLines = (lines: string): { entry: string; disclosures: string } => {
  const end = lines.indexOf('\n');
  return end < 0 ? { entry: lines, disclosures: '' } : { entry: lines.slice(0, end), disclosures: lines.slice(end + 1) };
};

/**
 * The whole event. Whatever was erased reads as null or empty. Entries without digests, which older releases wrote, say
 * everything themselves.
 */
export const readEvent = (entry: string, disclosures: string): AuditEvent => {
  const stored = JSON.parse(entry);
  if (!('_sd_alg' in stored)) return stored;
  const values = readDisclosures(disclosures);
  const valueIn = (object: JsonObject, name: string): Json => (name in object ? object[name] : values.get(name)) ?? null;
  const { actor, requestContext } = stored;
  return {
    actor: {
      email: valueIn(actor, 'email') as string | null,
      id: actor.id,
      name: valueIn(actor, 'name') as string | null,
      type: actor.type,
    },
    allEnvironments: stored.allEnvironments,
    changes: (valueIn(stored, 'changes') ?? []) as AuditEvent['changes'],
    description: (valueIn(stored, 'description') ?? erasedDescription) as string,
    environment: stored.environment,
    errorMessage: valueIn(stored, 'errorMessage') as string | null,
    eventType: stored.eventType,
    flagKey: stored.flagKey,
    id: stored.id,
    metadata: readMetadata(valueIn(stored, 'metadata') as JsonObject | null, values),
    newState: valueIn(stored, 'newState') as JsonObject | null,
    previousState: valueIn(stored, 'previousState') as JsonObject | null,
    requestContext: requestContext && {
      apiKeyId: requestContext.apiKeyId,
      ipAddress: valueIn(requestContext, 'ipAddress') as string | null,
      requestId: requestContext.requestId,
      sessionId: valueIn(requestContext, 'sessionId') as string | null,
      userAgent: valueIn(requestContext, 'userAgent') as string | null,
    },
    resource: stored.resource,
    result: stored.result,
    scheduleId: stored.scheduleId,
    timestamp: stored.timestamp,
    workspaceId: stored.workspaceId,
  };
};

const erasedDescription = 'The description of this event was erased.';

const readMetadata = (metadata: JsonObject | null, values: ReadonlyMap<string, Json>): JsonObject => {
  if (metadata === null || !(digestsField in metadata)) return metadata ?? {};
  const { [digestsField]: _digests, ...clear } = metadata;
  for (const name of disclosedOf(clear)) clear[name] ??= values.get(name) ?? null;
  return clear;
};
