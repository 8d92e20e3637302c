import { builder } from '../../graphql/builder.ts';
import type { FlagRule } from '../../targeting/model/flag-rule.ts';
import type { EmergencyOverride } from '../model/emergency-override.ts';
import type { Experiment } from '../model/experiment.ts';
import type { FlagOverride } from '../model/flag-override.ts';
import { OverrideType } from './flag-enums.ts';

export const FlagRuleType = builder.objectRef<FlagRule>('FlagRule').implement({
  description: 'A targeting rule: it gives a variant, or leaves the decision to the next one.',
  fields: (t) => ({
    key: t.exposeString('key', { description: 'What people call it; unique in its flag and environment.' }),
    description: t.exposeString('description', { nullable: true, description: 'What it is for.' }),
    targeting: t.field({
      type: 'JSON',
      nullable: true,
      description: "flagd's targeting: JsonLogic that gives a variant's key, or null for the next rule.",
      resolve: ({ targeting }) => targeting,
    }),
  }),
});

export const FlagOverrideType = builder.objectRef<FlagOverride>('FlagOverride').implement({
  description: 'A variant for one user or one group, whatever the rules say.',
  fields: (t) => ({
    type: t.field({ type: OverrideType, description: 'Whom it is for.', resolve: ({ type }) => type }),
    targetId: t.exposeString('targetId', {
      description: "The user (the evaluation context's `targetingKey`) or the group (one of its `groups`).",
    }),
    variant: t.exposeString('variant', { description: 'What they get.' }),
    expiresAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'From then on it no longer counts; null: it stays.',
      resolve: ({ expiresAt }) => (expiresAt === null ? null : new Date(expiresAt)),
    }),
  }),
});

const ExperimentVariantType = builder.objectRef<Experiment['variants'][number]>('ExperimentVariant').implement({
  description: 'A variant that takes part in an experiment.',
  fields: (t) => ({
    variant: t.exposeString('variant', { description: "The variant's key." }),
    weight: t.exposeInt('weight', { description: 'Its share, relative to the sum of all weights.' }),
  }),
});

export const ExperimentType = builder.objectRef<Experiment>('Experiment').implement({
  description: 'A running experiment: whom no override and no rule decides gets its variants, by weight.',
  fields: (t) => ({
    key: t.exposeString('key', { description: 'What people call it.' }),
    hypothesis: t.exposeString('hypothesis', { nullable: true, description: 'What it shall find out.' }),
    variants: t.field({ type: [ExperimentVariantType], description: 'Who gets what.', resolve: ({ variants }) => variants }),
    startedAt: t.field({
      type: 'DateTime',
      description: 'When it was started.',
      resolve: ({ startedAt }) => new Date(startedAt),
    }),
    startedBy: t.exposeString('startedBy', { nullable: true, description: 'The userId of the admin who started it.' }),
  }),
});

export const EmergencyOverrideType = builder.objectRef<EmergencyOverride>('EmergencyOverride').implement({
  description: 'Why a state is held as it is: no normal change and no schedule touches it until somebody lifts it.',
  fields: (t) => ({
    reason: t.exposeString('reason', { description: 'Why, in the words of who did it.' }),
    startedAt: t.field({
      type: 'DateTime',
      description: 'Since when.',
      resolve: ({ startedAt }) => new Date(startedAt),
    }),
    startedBy: t.exposeString('startedBy', { nullable: true, description: 'The userId of the admin who did it.' }),
  }),
});
