import { builder, mayHold64KiB } from '../../graphql/builder.ts';
import { type FlagRule, flagRulesSchema, normalizeRule } from '../../targeting/model/flag-rule.ts';
import { flagStatuses } from '../model/flag-status.ts';
import type { FlagUpdates } from '../model/flag-updates.ts';
import { FlagStatus } from './flag-enums.ts';
import { FlagRuleInput } from './flag-inputs.ts';
import { FlagRuleType } from './flag-state-types.ts';

export const FlagUpdatesInput = builder.inputType('FlagUpdatesInput', {
  description: 'What to change: at least one field.',
  fields: (t) => ({
    enabled: t.boolean({ description: 'Turn it on or off.' }),
    rolloutPercentage: t.int({ description: 'The share of evaluations that it reaches: 0–100.' }),
    defaultVariant: t.string({
      description: 'The variant that is served where nothing else says so: 1–128 characters. One of `Flag.variants`.',
    }),
    rules: t.field({
      type: [FlagRuleInput],
      description: 'All targeting rules, in order: they replace those that are there. Up to 100.',
    }),
    status: t.field({ type: FlagStatus, description: "The flag's status, in every environment." }),
  }),
});

const storedRulesSchema = flagRulesSchema.transform((known) => known.map(normalizeRule));
const rulesRead = new WeakMap<object, FlagRule[] | null>();

/** Stored rules, as far as they make sense. Read once, however many aliases ask: up to 64 KiB of them take milliseconds. */
const knownRules = (stored: object): FlagRule[] | null => {
  const known = rulesRead.get(stored);
  if (known !== undefined) return known;
  const read = storedRulesSchema.safeParse(stored).data ?? null;
  rulesRead.set(stored, read);
  return read;
};

// Stored updates are shown as far as they make sense: what does not is the reason why such a schedule failed.
export const FlagUpdatesType = builder.objectRef<FlagUpdates>('FlagUpdates').implement({
  description: 'What a schedule changes; a field that is null stays as it is.',
  fields: (t) => ({
    enabled: t.boolean({
      nullable: true,
      description: 'Turns the flag on or off.',
      resolve: ({ enabled }) => (typeof enabled === 'boolean' ? enabled : null),
    }),
    rolloutPercentage: t.int({
      nullable: true,
      description: 'The share of evaluations that it will reach.',
      resolve: ({ rolloutPercentage }) => (Number.isInteger(rolloutPercentage) ? rolloutPercentage : null),
    }),
    defaultVariant: t.string({
      nullable: true,
      description: 'The variant that will be served where nothing else says so.',
      resolve: ({ defaultVariant }) => (typeof defaultVariant === 'string' ? defaultVariant : null),
    }),
    rules: t.field({
      type: [FlagRuleType],
      nullable: true,
      description: 'The targeting rules that will replace those that are there.',
      ...mayHold64KiB,
      resolve: ({ rules }) => (Array.isArray(rules) ? knownRules(rules) : null),
    }),
    status: t.field({
      type: FlagStatus,
      nullable: true,
      description: "The flag's status from then on, in every environment.",
      resolve: ({ status }) => (status && flagStatuses.includes(status) ? status : null),
    }),
  }),
});
