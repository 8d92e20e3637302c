import { builder, mayHold64KiB } from '../../graphql/builder.ts';
import { effectOf, type EffectiveReason as Reason } from '../model/effective-state.ts';
import type { Flag } from '../model/flag.ts';
import type { FlagState } from '../model/flag-state.ts';
import { flagStateId } from '../model/flag-state-id.ts';
import { EffectiveReason } from './flag-enums.ts';
import { EmergencyOverrideType, ExperimentType, FlagOverrideType, FlagRuleType } from './flag-state-types.ts';

const EffectiveStateType = builder.objectRef<{ enabled: boolean; reason: Reason }>('EffectiveFlagState').implement({
  description: 'Whether a flag is really on in an environment, and why.',
  fields: (t) => ({
    enabled: t.exposeBoolean('enabled', { description: 'Whether the flag is on.' }),
    reason: t.field({ type: EffectiveReason, description: 'Why.', resolve: ({ reason }) => reason }),
  }),
});

/** A state that was read through its flag already has the flag. */
export const FlagStateType = builder.objectRef<FlagState & { flag?: Flag }>('FlagState').implement({
  description: "A flag's state in one environment.",
  fields: (t) => ({
    id: t.id({
      description: 'A UUID. It is derived from the flag and the environment, and never changes.',
      resolve: (state) => flagStateId(state),
    }),
    environment: t.exposeString('environment', { description: "The environment's key." }),
    enabled: t.exposeBoolean('enabled', {
      description: 'Whether the flag is enabled. An archived flag is off all the same: see `effective`.',
    }),
    effective: t.field({
      type: EffectiveStateType,
      description:
        'Whether the flag is really on here, given its status. If it is on, overrides, rules and the rollout decide who gets which variant.',
      resolve: async (state, _args, { loaders }) =>
        effectOf(state, (state.flag ?? (await loaders.flagsById.load(state.flagId)))?.status ?? null),
    }),
    rolloutPercentage: t.exposeInt('rolloutPercentage', {
      description: 'The percentage of users, 0–100, who get the default variant or take part in the experiment.',
    }),
    defaultVariant: t.exposeString('defaultVariant', {
      nullable: true,
      description: 'The variant for users whom the rollout reaches and no override, rule or experiment decides for.',
    }),
    rules: t.field({
      type: [FlagRuleType],
      description: 'Targeting rules, in the order in which they are tried.',
      ...mayHold64KiB,
      resolve: ({ rules }) => rules,
    }),
    overrides: t.field({
      type: [FlagOverrideType],
      description: 'Users and groups that get a variant whatever the rules say.',
      ...mayHold64KiB,
      resolve: ({ overrides }) => overrides,
    }),
    experiment: t.field({
      type: ExperimentType,
      nullable: true,
      description: 'The running experiment; null if none runs.',
      resolve: ({ experiment }) => experiment,
    }),
    emergency: t.field({
      type: EmergencyOverrideType,
      nullable: true,
      description: 'The emergency override that holds this state; null if none is in force.',
      resolve: ({ emergency }) => emergency,
    }),
    version: t.exposeInt('version', {
      description:
        'Counts the changes of this state, from 1. Send it as `expectedVersion` so that a change is refused if somebody else changed the state first.',
    }),
    updatedAt: t.field({ type: 'DateTime', description: 'When it last changed.', resolve: ({ updatedAt }) => updatedAt }),
  }),
});
