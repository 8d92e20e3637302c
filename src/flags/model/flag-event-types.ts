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
/** A flag's full state in one environment, as events record it. */
export const recordedFlagState = flagStateShape.extend({ status: z.enum(flagStatuses) });

/** A schedule with a retry to come. Of its rules, only the count is kept. */
const retry = z.object({
  scheduleId: uuid,
  environment: z.string(),
  scheduledAt: instant,
  nextRetryAt: instant.nullable(),
  updates: flagUpdatesShape.omit({ rules: true }).extend({ rulesCount: z.int().optional() }),
});
/** The open schedules that will fail; absent if there are none. */
const openSchedules = z.int().optional();

const ofFlag = { flagKey: z.string(), ...adminMetadata };
const ofFlagOrState = { ...ofFlag, environment: z.string().optional() };
const ofState = { flagKey: z.string(), environment: z.string(), ...adminMetadata };
const ofRule = z.object({ ...ofState, ruleKey: z.string() });
const ofOverride = { ...ofState, override_type: z.enum([...overrideTypes, 'EMERGENCY']), target_id: z.string() };

/** The types of events about flags. */
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
    description: 'An admin archived a flag: it is off everywhere.',
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
    description: 'A caller read a flag. Recorded only if AUDIT_READS contains viewed.',
    metadata: z.object({ flagKey: z.string() }),
  },
  'flag.exported': {
    description: 'A caller exported flags. Recorded only if AUDIT_READS contains exported.',
    metadata: z.object({ environment: z.string(), format: z.string(), flags: z.int() }),
  },
  'flag_rule.added': { description: 'An admin added a targeting rule.', metadata: ofRule },
  'flag_rule.updated': { description: 'An admin updated a targeting rule.', metadata: ofRule },
  'flag_rule.removed': { description: 'An admin removed a targeting rule.', metadata: ofRule },
  'flag_experiment.started': {
    description: 'An admin started an experiment.',
    metadata: z.object({ ...ofState, experimentKey: z.string(), variants: arms }),
  },
  'flag_experiment.stopped': {
    description: 'An admin stopped an experiment and recorded its outcome.',
    metadata: z.object({
      ...ofState,
      experimentKey: z.string(),
      outcome: z.string(),
      winningVariant: z.string().nullable(),
    }),
  },
  'flag_override.added': {
    description: 'An admin added an override for one user or one group.',
    metadata: z.object({ ...ofOverride, variant: z.string(), expiresAt: instant.nullable() }),
  },
  'flag_override.removed': {
    description: 'An admin removed the override of one user or one group, or lifted an emergency override.',
    metadata: z.object({
      ...ofOverride,
      reason: z.string().nullable(),
      /** Set if an emergency override was lifted: how many failed schedules have a retry to come, and the next 20 of them. */
      retriesTotal: z.int().optional(),
      retries: z.array(retry).optional(),
    }),
  },
  'flag_override.emergency': {
    description: 'An admin set an emergency override: nothing else changes the state until an admin lifts it.',
    metadata: z.object({ ...ofOverride, reason: z.string(), updates: flagUpdatesShape, openSchedules }),
  },
} as const satisfies EventTypes;

export type FlagEventType = keyof typeof flagEventTypes;
export type FlagEventMetadata<Type extends FlagEventType> = MetadataOf<typeof flagEventTypes, Type>;
export type FlagEventDraft<Type extends FlagEventType> = DraftOf<typeof flagEventTypes, Type>;
