import { z } from 'zod';
import { adminMetadata } from '../../audit/model/attribution.ts';
import type { DraftOf } from '../../audit/model/audit-event.ts';
import type { EventTypes, MetadataOf } from '../../audit/model/event-types.ts';
import { experimentSchema } from './experiment.ts';
import { overrideTypes } from './flag-override.ts';
import { flagStateShape } from './flag-state.ts';
import { flagStatuses } from './flag-status.ts';
import { flagUpdatesShape } from './flag-updates.ts';

const uuid = z.uuid();
const instant = z.iso.datetime();
const arms = experimentSchema.shape.variants;
/** All of a flag's state in one environment, as events record it. */
export const recordedFlagState = flagStateShape.extend({ status: z.enum(flagStatuses) });

/** A schedule that will be retried, with the number of its rules instead of the rules. */
const retry = z.object({
  scheduleId: uuid,
  environment: z.string(),
  scheduledAt: instant,
  nextRetryAt: instant.nullable(),
  updates: flagUpdatesShape.omit({ rules: true }).extend({ rulesCount: z.int().optional() }),
});
/** How many open schedules will fail because of it; absent if none will. */
const openSchedules = z.int().optional();

const ofFlag = { flagKey: z.string(), ...adminMetadata };
const ofFlagOrState = { ...ofFlag, environment: z.string().optional() };
const ofState = { flagKey: z.string(), environment: z.string(), ...adminMetadata };
const ofRule = z.object({ ...ofState, ruleKey: z.string() });
const ofOverride = { ...ofState, override_type: z.enum([...overrideTypes, 'EMERGENCY']), target_id: z.string() };

/** The event types about flags. */
export const flagEventTypes = {
  'flag.created': { description: 'An admin created a flag.', metadata: z.object(ofFlag) },
  'flag.updated': {
    description:
      'An admin changed a flag (its name, description, variants or tags), or its default variant or all its rules in one environment.',
    metadata: z.object(ofFlagOrState),
  },
  'flag.deleted': {
    description: 'An admin deleted a flag.',
    metadata: z.object({ ...ofFlag, cancelledSchedules: z.int() }),
  },
  'flag.archived': {
    description: 'An admin archived a flag: it is off in all environments.',
    metadata: z.object({ ...ofFlagOrState, openSchedules }),
  },
  'flag.activated': {
    description: 'An admin made a deprecated or archived flag active again.',
    metadata: z.object(ofFlagOrState),
  },
  'flag.deprecated': { description: 'An admin marked a flag as deprecated.', metadata: z.object(ofFlagOrState) },
  'flag.enabled': { description: 'An admin enabled a flag in one environment.', metadata: z.object(ofState) },
  'flag.disabled': { description: 'An admin disabled a flag in one environment.', metadata: z.object(ofState) },
  'flag.rollout_changed': {
    description: "An admin changed a flag's rollout percentage in one environment.",
    metadata: z.object(ofState),
  },
  'flag.viewed': {
    description: 'Somebody looked at a flag. Recorded only if AUDIT_READS includes viewed.',
    metadata: z.object({ flagKey: z.string() }),
  },
  'flag.exported': {
    description: 'Somebody exported flags. Recorded only if AUDIT_READS includes exported.',
    metadata: z.object({ environment: z.string(), format: z.string(), flags: z.int() }),
  },
  'flag_rule.added': { description: 'An admin added a targeting rule.', metadata: ofRule },
  'flag_rule.updated': { description: 'An admin changed a targeting rule.', metadata: ofRule },
  'flag_rule.removed': { description: 'An admin removed a targeting rule.', metadata: ofRule },
  'flag_experiment.started': {
    description: 'An admin started an experiment.',
    metadata: z.object({ ...ofState, experimentKey: z.string(), variants: arms }),
  },
  'flag_experiment.stopped': {
    description: 'An admin stopped an experiment, and recorded its outcome.',
    metadata: z.object({
      ...ofState,
      experimentKey: z.string(),
      outcome: z.string(),
      winningVariant: z.string().nullable(),
    }),
  },
  'flag_override.added': {
    description: 'An admin gave one user or one group a variant.',
    metadata: z.object({ ...ofOverride, variant: z.string(), expiresAt: instant.nullable() }),
  },
  'flag_override.removed': {
    description: 'An admin removed the override of one user or group, or lifted an emergency override.',
    metadata: z.object({
      ...ofOverride,
      reason: z.string().nullable(),
      /** Only if an emergency override was lifted: how many failed schedules will be retried, and the soonest 20 of them. */
      retriesTotal: z.int().optional(),
      retries: z.array(retry).optional(),
    }),
  },
  'flag_override.emergency': {
    description: 'An admin set an emergency override: it changes a flag at once, and blocks other changes until it is lifted.',
    metadata: z.object({ ...ofOverride, reason: z.string(), updates: flagUpdatesShape, openSchedules }),
  },
} as const satisfies EventTypes;

export type FlagEventType = keyof typeof flagEventTypes;
export type FlagEventMetadata<Type extends FlagEventType> = MetadataOf<typeof flagEventTypes, Type>;
export type FlagEventDraft<Type extends FlagEventType> = DraftOf<typeof flagEventTypes, Type>;
