import { builder } from '../../graphql/builder.ts';
import type { FlagRule } from '../../targeting/model/flag-rule.ts';
import type { EmergencyOverride } from '../model/emergency-override.ts';
import type { Experiment } from '../model/experiment.ts';
import type { FlagOverride } from '../model/flag-override.ts';
import { OverrideType } from './flag-enums.ts';

export const FlagRuleType = builder.objectRef<FlagRule>('FlagRule').implement({
  description: 'A targeting rule: it gives a variant, or leaves the decision to the next one.',
  fields: (t) => ({
    key: t.exposeString('key', { description: 'Its name, for people; unique within its flag and environment.' }),
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
    variant: t.exposeString('variant', { description: 'The key of the variant that they get.' }),
    expiresAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it expires; null if it never does.',
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
  description:
    'A running experiment. It divides users among its variants, by weight: those whom the rollout reaches and no override or rule decides for.',
  fields: (t) => ({
    key: t.exposeString('key', { description: 'Its name, for people.' }),
    hypothesis: t.exposeString('hypothesis', { nullable: true, description: 'What it is meant to find out.' }),
    variants: t.field({
      type: [ExperimentVariantType],
      description: 'The variants that take part, with their weights.',
      resolve: ({ variants }) => variants,
    }),
    startedAt: t.field({
      type: 'DateTime',
      description: 'When it was started.',
      resolve: ({ startedAt }) => new Date(startedAt),
    }),
    startedBy: t.exposeString('startedBy', { nullable: true, description: 'The userId of the admin who started it.' }),
  }),
});

export const EmergencyOverrideType = builder.objectRef<EmergencyOverride>('EmergencyOverride').implement({
  description: 'An emergency override in force. Until an admin lifts it, no other change and no schedule can change the state.',
  fields: (t) => ({
    reason: t.exposeString('reason', { description: 'Why, in the words of the admin who set it.' }),
    startedAt: t.field({
      type: 'DateTime',
      description: 'When it was set.',
      resolve: ({ startedAt }) => new Date(startedAt),
    }),
    startedBy: t.exposeString('startedBy', { nullable: true, description: 'The userId of the admin who set it.' }),
  }),
});
