import { z } from 'zod';
import { roles } from '../access/model/actor.ts';
import { externalEventDescriptions, externalMetadataSchemas, recorderSchema } from '../applications/model/event-types.ts';
import { experimentSchema } from '../flags/model/experiment.ts';
import { flagStatuses } from '../flags/model/flag.ts';
import { overrideTypes } from '../flags/model/flag-override.ts';

// What each type of event says beside the fields that every event has. Field descriptions become the README's reference.

const uuid = z.uuid();
const instant = z.iso.datetime();
const rules = z.array(z.object({ key: z.string(), description: z.string().nullable(), targeting: z.json() }));
const updates = z.object({
  enabled: z.boolean().optional(),
  rolloutPercentage: z.int().optional(),
  defaultVariant: z.string().optional(),
  rules: rules.optional(),
  status: z.enum(flagStatuses).optional(),
});
/** A schedule that is tried again: of its rules only how many there are. */
const retry = z.object({
  scheduleId: uuid,
  environment: z.string(),
  scheduledAt: instant,
  nextRetryAt: instant.nullable(),
  updates: updates.omit({ rules: true }).extend({ rulesCount: z.int().optional() }),
});
const arms = experimentSchema.shape.variants;
/** A flag in one environment, whole. */
const flagState = z.object({
  enabled: z.boolean(),
  rolloutPercentage: z.int(),
  defaultVariant: z.string().nullable(),
  rules,
  overrides: z.array(
    z.object({ type: z.enum(overrideTypes), targetId: z.string(), variant: z.string(), expiresAt: instant.nullable() }),
  ),
  experiment: z
    .object({
      key: z.string(),
      hypothesis: z.string().nullable(),
      variants: arms,
      startedAt: instant,
      startedBy: z.string().nullable(),
    })
    .nullable(),
  emergency: z.object({ reason: z.string(), startedAt: instant, startedBy: z.string().nullable() }).nullable(),
  status: z.enum(flagStatuses),
  version: z.int(),
});
const scheduled = { scheduleId: uuid, flagKey: z.string(), environment: z.string() };
const admin = { adminUserId: z.string().nullable(), adminEmail: z.string().nullable() };
const ofFlag = { flagKey: z.string(), ...admin };
const ofState = { flagKey: z.string(), environment: z.string(), ...admin };
const ofOverride = { ...ofState, override_type: z.enum([...overrideTypes, 'EMERGENCY']), target_id: z.string() };
const ofEnvironment = z.object({ environment: z.string(), name: z.string(), ...admin });
/** How many schedules that can still become due meet it; absent: none. */
const openSchedules = z.int().optional();
const ofApiKey = z.object({
  apiKeyId: uuid,
  name: z.string(),
  prefix: z.string(),
  roles: z.array(z.enum(roles)),
  expiresAt: instant.nullable(),
  ...admin,
});

/** The metadata schema of each event type, by wire name: the catalogue of what Flagtrail records. */
export const metadataSchemas = {
  'flag_schedule.created': z.object({ ...scheduled, scheduledAt: instant, updates, ...admin }),
  'flag_schedule.updated': z.object({
    ...scheduled,
    previousScheduledAt: instant,
    scheduledAt: instant,
    previousUpdates: updates,
    updates,
    previousMaxRetries: z.int(),
    maxRetries: z.int(),
    ...admin,
  }),
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
  'flag.created': z.object(ofFlag),
  'flag.updated': z.object({ ...ofFlag, environment: z.string().optional() }),
  'flag.deleted': z.object({ ...ofFlag, cancelledSchedules: z.int() }),
  'flag.archived': z.object({ ...ofFlag, environment: z.string().optional(), openSchedules }),
  'flag.activated': z.object({ ...ofFlag, environment: z.string().optional() }),
  'flag.deprecated': z.object({ ...ofFlag, environment: z.string().optional() }),
  'flag.enabled': z.object(ofState),
  'flag.disabled': z.object(ofState),
  'flag.rollout_changed': z.object(ofState),
  'flag.viewed': z.object({ flagKey: z.string() }),
  'flag.exported': z.object({ environment: z.string(), format: z.string(), flags: z.int() }),
  'flag_rule.added': z.object({ ...ofState, ruleKey: z.string() }),
  'flag_rule.updated': z.object({ ...ofState, ruleKey: z.string() }),
  'flag_rule.removed': z.object({ ...ofState, ruleKey: z.string() }),
  'flag_experiment.started': z.object({ ...ofState, experimentKey: z.string(), variants: arms }),
  'flag_experiment.stopped': z.object({
    ...ofState,
    experimentKey: z.string(),
    outcome: z.string(),
    winningVariant: z.string().nullable(),
  }),
  'flag_override.added': z.object({ ...ofOverride, variant: z.string(), expiresAt: instant.nullable() }),
  'flag_override.removed': z.object({
    ...ofOverride,
    reason: z.string().nullable(),
    /** Of an emergency override that was lifted: how many failed schedules are tried again, and the soonest 20 of them. */
    retriesTotal: z.int().optional(),
    retries: z.array(retry).optional(),
  }),
  'flag_override.emergency': z.object({ ...ofOverride, reason: z.string(), updates, openSchedules }),
  'environment.created': ofEnvironment,
  'environment.updated': ofEnvironment,
  'environment.deleted': ofEnvironment,
  'environment.enabled': ofEnvironment,
  'environment.disabled': ofEnvironment.extend({ openSchedules }),
  'api_key.created': ofApiKey,
  'api_key.revoked': ofApiKey,
  ...externalMetadataSchemas,
  'access.denied': z.object({
    operation: z.string(),
    requiredRole: z.string(),
    /** Where a caller is refused without end: how many more times than there are events, from when to when; of the last time the rest. */
    more: z.int().optional(),
    since: instant.optional(),
    until: instant.optional(),
  }),
  'audit.loss': z.object({
    count: z.int(),
    reason: z.string(),
    since: instant,
    until: instant,
    /** The application that declared it; absent in what Flagtrail lost itself. */
    recordedBy: recorderSchema.optional(),
  }),
} as const;

export type AuditEventType = keyof typeof metadataSchemas;
export type EventMetadata<Type extends AuditEventType> = z.infer<(typeof metadataSchemas)[Type]>;

export const auditEventTypes = Object.keys(metadataSchemas) as AuditEventType[];

/** An event type as GraphQL's enum has it: `flag_schedule.created` is FLAG_SCHEDULE_CREATED there. */
export type AuditEventTypeName = TypeName<AuditEventType>;
type TypeName<Type extends string> = Type extends `${infer Resource}.${infer Action}`
  ? `${Uppercase<Resource>}_${Uppercase<Action>}`
  : never;

export const toTypeName = (type: AuditEventType): AuditEventTypeName =>
  type.toUpperCase().replaceAll('.', '_') as AuditEventTypeName;

export const auditEventTypeNames = auditEventTypes.map(toTypeName);

/** One sentence on each type of event, for people. */
export const eventDescriptions: Record<AuditEventType, string> = {
  'flag_schedule.created': 'An admin scheduled a change of a flag.',
  'flag_schedule.updated': 'An admin edited a scheduled change, or had a failed one tried again.',
  'flag_schedule.cancelled': 'An admin called off a scheduled change, or deleted its flag.',
  'flag_schedule.applied': 'The worker made a scheduled change, or an admin made it at once.',
  'flag_schedule.failed': 'The worker could not make a scheduled change.',
  'flag.created': 'An admin created a flag.',
  'flag.updated':
    'An admin changed a flag (its name, description, variants or tags), or its default variant or all its rules in one environment.',
  'flag.deleted': 'An admin deleted a flag.',
  'flag.archived': 'An admin archived a flag: it is off everywhere.',
  'flag.activated': 'An admin made a flag active again that was deprecated or archived.',
  'flag.deprecated': 'An admin marked a flag as on its way out.',
  'flag.enabled': 'An admin enabled a flag in one environment.',
  'flag.disabled': 'An admin disabled a flag in one environment.',
  'flag.rollout_changed': "An admin changed a flag's rollout percentage in one environment.",
  'flag.viewed': 'Somebody looked at a flag. Recorded only where AUDIT_READS asks for it.',
  'flag.exported': 'Somebody exported flags. Recorded only where AUDIT_READS asks for it.',
  'flag_rule.added': 'An admin added a targeting rule.',
  'flag_rule.updated': 'An admin changed a targeting rule.',
  'flag_rule.removed': 'An admin removed a targeting rule.',
  'flag_experiment.started': 'An admin started an experiment.',
  'flag_experiment.stopped': 'An admin stopped an experiment, and said what came of it.',
  'flag_override.added': 'An admin gave one user or one group a variant.',
  'flag_override.removed': 'An admin took the variant of one user or group back, or lifted an emergency override.',
  'flag_override.emergency': 'An admin set a flag at once, in an emergency: nothing else changes it until that is lifted.',
  'environment.created': 'An admin created an environment.',
  'environment.updated': 'An admin renamed an environment.',
  'environment.deleted': 'An admin deleted an empty environment.',
  'environment.enabled': 'An admin enabled an environment.',
  'environment.disabled': 'An admin disabled an environment: it takes and applies no schedules.',
  'api_key.created': 'An admin created an API key.',
  'api_key.revoked': 'An admin revoked an API key.',
  ...externalEventDescriptions,
  'access.denied':
    'A caller lacked the role that an operation takes. Of each caller, 100 a minute have an event of their own; then one with `more` counts the rest.',
  'audit.loss': 'Events were lost before they reached the log: this entry counts them.',
};
