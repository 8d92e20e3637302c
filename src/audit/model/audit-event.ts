import canonicalize from 'canonicalize';
import { z } from 'zod';
import { actorSchema, requestContextSchema } from '../../access/model/actor.ts';
import { fieldChangeSchema } from './changes.ts';
import { type EventTypes, eventTypeSchema, type MetadataOf } from './event-types.ts';

export const auditResults = ['SUCCESS', 'FAILURE', 'DENIED'] as const;
export type AuditResult = (typeof auditResults)[number];

/**
 * An event of any type, as it is stored and hashed: every field is present, absent values are null, instants are RFC 3339 in UTC.
 * The wings declare the types and their `metadata`.
 */
export const eventEnvelopeSchema = z.object({
  /** UUIDv7. */
  id: z.uuid(),
  eventType: eventTypeSchema,
  /** When the event happened. */
  timestamp: z.iso.datetime(),
  actor: actorSchema,
  resource: z.object({ type: z.string(), id: z.string() }).nullable(),
  flagKey: z.string().nullable(),
  scheduleId: z.uuid().nullable(),
  environment: z.string(),
  /** Whether the event concerns every environment, whatever `environment` names. Old entries lack this field. */
  allEnvironments: z.boolean().default(false),
  workspaceId: z.string().nullable(),
  previousState: z.record(z.string(), z.json()).nullable(),
  newState: z.record(z.string(), z.json()).nullable(),
  changes: z.array(fieldChangeSchema),
  /** What happened, in plain English. */
  description: z.string(),
  metadata: z.record(z.string(), z.json()),
  result: z.enum(auditResults),
  errorMessage: z.string().nullable(),
  requestContext: requestContextSchema.nullable(),
});
export type AuditEvent = z.infer<typeof eventEnvelopeSchema>;

/** What the code that makes an event provides; `completeEvent` adds the rest. */
export type EventDraft<Type extends string = string, Metadata = AuditEvent['metadata']> = Pick<
  AuditEvent,
  'actor' | 'description'
> & {
  eventType: Type;
  metadata: Metadata;
  /** The UUID under which another application sent the event. Absent: a new one. */
  id?: string;
  /** Absent: now. */
  occurredAt?: Date;
  /** A draft of an event type that a wing declares, with that type's metadata. */
  environment?: string;
} & Partial<Omit<AuditEvent, 'id' | 'timestamp' | 'metadata' | 'environment' | 'eventType'>>;

/** A draft of a type that a wing declares, with that type's metadata. */
export type DraftOf<Types extends EventTypes, Type extends keyof Types & string> = EventDraft<Type, MetadataOf<Types, Type>>;

/** The event with all fields: what the draft leaves out is filled in. */
export const completeEvent = (
  { id: givenId, occurredAt, ...draft }: EventDraft,
  { id, now, defaultEnvironment }: { id: string; now: Date; defaultEnvironment: string },
): AuditEvent => ({
  ...draft,
  // A field that is present but undefined would be missing from the entry.
  resource: draft.resource ?? null,
  flagKey: draft.flagKey ?? null,
  scheduleId: draft.scheduleId ?? null,
  workspaceId: draft.workspaceId ?? null,
  previousState: draft.previousState ?? null,
  newState: draft.newState ?? null,
  changes: draft.changes ?? [],
  result: draft.result ?? 'SUCCESS',
  errorMessage: draft.errorMessage ?? null,
  allEnvironments: draft.allEnvironments ?? false,
  requestContext: draft.requestContext ?? null,
  environment: draft.environment ?? defaultEnvironment,
  id: givenId ?? id,
  timestamp: (occurredAt ?? now).toISOString(),
});

/**
 * The entry: the exact bytes that are stored and hashed, in canonical JSON (RFC 8785). Throws a TypeError if the event has no
 * JSON form.
 */
export const toEntry = (event: AuditEvent): string => {
  const entry = canonicalize(event);
  if (entry === undefined) throw new TypeError(`event ${event.id} has no JSON form`);
  return entry;
};

/** An event in the log. */
export type LogEntry = { position: number; sealedAt: Date; event: AuditEvent; entry: string };

/** An event of any type, as sinks and exports write it. */
export const wireEnvelopeSchema = eventEnvelopeSchema.extend({
  /** Its place in the log: 1, 2, 3 … without gaps. */
  position: z.int().min(1),
  /** When the sequencer gave it its position. */
  sealedAt: z.iso.datetime(),
});
export type WireEvent = z.infer<typeof wireEnvelopeSchema>;

/** The event as sinks and exports write it, with its place in the log. */
export const toWire = ({ position, sealedAt, event }: Pick<LogEntry, 'position' | 'sealedAt' | 'event'>): WireEvent => ({
  position,
  sealedAt: sealedAt.toISOString(),
  ...event,
});
