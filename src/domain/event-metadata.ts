import { z } from 'zod';

// What each type of event says beside the fields that every event has. Field descriptions become the README's reference.

const uuid = z.uuid();
const instant = z.iso.datetime();
const updates = z.object({
  enabled: z.boolean().optional(),
  rolloutPercentage: z.int().optional(),
  defaultVariant: z.string().optional(),
});
const flagState = z.object({
  enabled: z.boolean(),
  rolloutPercentage: z.int(),
  defaultVariant: z.string().nullable(),
  version: z.int(),
});
const scheduled = { scheduleId: uuid, flagKey: z.string(), environment: z.string() };
const admin = { adminUserId: z.string().nullable(), adminEmail: z.string().nullable() };

/** The metadata schema of each event type, by wire name: the catalogue of what Flagtrail records. */
export const metadataSchemas = {
  'flag_schedule.created': z.object({ ...scheduled, scheduledAt: instant, updates, ...admin }),
  'flag_schedule.cancelled': z.object({ ...scheduled, scheduledAt: instant, ...admin, reason: z.string() }),
  'flag_schedule.applied': z.object({
    ...scheduled,
    updates,
    scheduledAt: instant,
    appliedAt: instant,
    latenessMs: z.int(),
    flagState,
  }),
  'flag_schedule.failed': z.object({
    ...scheduled,
    errorMessage: z.string(),
    failedAt: instant,
    retryCount: z.int(),
    nextRetryAt: instant.nullable(),
  }),
  'flag.created': z.object({ flagKey: z.string(), ...admin }),
  'flag.updated': z.object({ flagKey: z.string(), environment: z.string(), ...admin }),
  'flag.enabled': z.object({ flagKey: z.string(), environment: z.string(), ...admin }),
  'flag.disabled': z.object({ flagKey: z.string(), environment: z.string(), ...admin }),
  'flag.rollout_changed': z.object({ flagKey: z.string(), environment: z.string(), ...admin }),
  'flag.deleted': z.object({ flagKey: z.string(), cancelledSchedules: z.int(), ...admin }),
  'access.denied': z.object({ operation: z.string(), requiredRole: z.string() }),
  'audit.loss': z.object({ count: z.int(), reason: z.string(), since: instant, until: instant }),
} as const;

export type AuditEventType = keyof typeof metadataSchemas;
export type EventMetadata<Type extends AuditEventType> = z.infer<(typeof metadataSchemas)[Type]>;

export const auditEventTypes = Object.keys(metadataSchemas) as AuditEventType[];

/** One sentence on each type of event, for people. */
export const eventDescriptions: Record<AuditEventType, string> = {
  'flag_schedule.created': 'An admin scheduled a change of a flag.',
  'flag_schedule.cancelled': 'An admin called off a scheduled change, or deleted its flag.',
  'flag_schedule.applied': 'The worker made a scheduled change.',
  'flag_schedule.failed': 'The worker could not make a scheduled change.',
  'flag.created': 'An admin created a flag.',
  'flag.updated': "An admin changed a flag's default variant in one environment.",
  'flag.enabled': 'An admin enabled a flag in one environment.',
  'flag.disabled': 'An admin disabled a flag in one environment.',
  'flag.rollout_changed': "An admin changed a flag's rollout percentage in one environment.",
  'flag.deleted': 'An admin deleted a flag.',
  'access.denied': 'A caller lacked the role that an operation takes.',
  'audit.loss': 'Events were lost before they reached the log: this entry counts them.',
};
