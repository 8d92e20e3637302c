import { builder, mayHold64KiB } from '../../graphql/builder.ts';
import { effectOf, type EffectiveReason as Reason } from '../model/effective-state.ts';
import type { Flag } from '../model/flag.ts';
import type { FlagState } from '../model/flag-state.ts';
import { flagStateId } from '../model/flag-state-id.ts';
import { EffectiveReason } from './flag-enums.ts';
import { EmergencyOverrideType, ExperimentType, FlagOverrideType, FlagRuleType } from './flag-state-types.ts';

const EffectiveStateType = builder.objectRef<{ enabled: boolean; reason: Reason }>('EffectiveFlagState').implement({
  description: "What a flag's state comes to in its environment.",
  fields: (t) => ({
    enabled: t.exposeBoolean('enabled', { description: 'Whether the flag is on.' }),
    reason: t.field({ type: EffectiveReason, description: 'Why.', resolve: ({ reason }) => reason }),
  }),
});

/** A state that was reached through its flag has it at hand. */
export const FlagStateType = builder.objectRef<FlagState & { flag?: Flag }>('FlagState').implement({
  description: 'What a flag is in one environment.',
  fields: (t) => ({
    id: t.id({
      description: 'A UUID that follows from the flag and the environment, and never changes.',
      resolve: (state) => flagStateId(state),
    }),
    environment: t.exposeString('environment', { description: "The environment's key." }),
    enabled: t.exposeBoolean('enabled', {
      description: 'Whether the flag is on. An archived flag is off, whatever this says: see `effective`.',
    }),
    effective: t.field({
      type: EffectiveStateType,
      description:
        'Whether the flag is really on here, given its status. Who gets which variant of a flag that is on is decided by overrides, rules and rollout.',
      resolve: async (state, _args, { loaders }) =>
        effectOf(state, (state.flag ?? (await loaders.flagsById.load(state.flagId)))?.status ?? null),
    }),
    rolloutPercentage: t.exposeInt('rolloutPercentage', {
      description: 'The share of evaluations, 0–100, that an enabled flag reaches.',
    }),
    defaultVariant: t.exposeString('defaultVariant', {
      nullable: true,
      description: 'The variant that is served where nothing else says so.',
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
      description: 'The running experiment; null: none runs.',
      resolve: ({ experiment }) => experiment,
    }),
    emergency: t.field({
      type: EmergencyOverrideType,
      nullable: true,
      description: 'The emergency override that holds this state; null: none is in force.',
      resolve: ({ emergency }) => emergency,
    }),
    version: t.exposeInt('version', {
      description: 'Counts the changes of this state, from 1: what `expectedVersion` is compared with.',
    }),
    updatedAt: t.field({ type: 'DateTime', description: 'When it changed last.', resolve: ({ updatedAt }) => updatedAt }),
  }),
});
