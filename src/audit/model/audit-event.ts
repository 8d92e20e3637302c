import { z } from 'zod';
import { actorSchema, requestContextSchema } from '../../access/model/actor.ts';
import { fieldChangeSchema } from './changes.ts';
import { type EventTypes, eventTypeSchema, type MetadataOf } from './event-types.ts';

export const auditResults = ['SUCCESS', 'FAILURE', 'DENIED'] as const;
export type AuditResult = (typeof auditResults)[number];

/**
 * An event of any type: every field is present, absent values are null, instants are RFC 3339 in UTC.
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

/** An event in the log. */
export type LogEntry = {
  position: number;
  sealedAt: Date;
  /** The whole event: what the entry says in clear, and what its disclosures add. */
  event: AuditEvent;
  /** The exact bytes of the leaf. */
  entry: string;
  /** Lines of JSON, as `entry.ts` says; empty if the entry says everything. */
  disclosures: string;
  /** SHA-256(0x00 || entry) (RFC 6962, section 2.1), in base64. */
  leafHash: string;
};

/** The size of an entry as it is stored, in characters. */
export const sizeOf = ({ entry, disclosures }: Pick<LogEntry, 'entry' | 'disclosures'>): number =>
  entry.length + disclosures.length;

/** An event of any type, as sinks and exports write it. */
export const wireEnvelopeSchema = eventEnvelopeSchema.extend({
  /** Its place in the log: 1, 2, 3 … without gaps. */
  position: z.int().min(1),
  /** When the sequencer gave it its position. */
  sealedAt: z.iso.datetime(),
  /** The hash of its entry, by which a proof finds it in the log: SHA-256, in base64. */
  leafHash: z.base64(),
});
export type WireEvent = z.infer<typeof wireEnvelopeSchema>;

/** The event as sinks and exports write it, with its place in the log. */
export const toWire = ({
  position,
  sealedAt,
  leafHash,
  event,
}: Pick<LogEntry, 'position' | 'sealedAt' | 'leafHash' | 'event'>): WireEvent => ({
  position,
  sealedAt: sealedAt.toISOString(),
  leafHash,
  ...event,
});
