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
    enabled: t.boolean({ description: 'Whether to enable or disable it.' }),
    rolloutPercentage: t.int({ description: 'The rollout percentage: 0–100.' }),
    defaultVariant: t.string({
      description: 'The default variant: the key of one of `Flag.variants`, 1–128 characters.',
    }),
    rules: t.field({
      type: [FlagRuleInput],
      description: 'All targeting rules, in order: up to 100. They replace the existing ones.',
    }),
    status: t.field({ type: FlagStatus, description: "The flag's status, in all environments." }),
  }),
});

const storedRulesSchema = flagRulesSchema.transform((known) => known.map(normalizeRule));
const rulesRead = new WeakMap<object, FlagRule[] | null>();

/** The stored rules, or null if they are invalid. Parsed once for all aliases, because 64 KiB of rules take milliseconds. */
const knownRules = (stored: object): FlagRule[] | null => {
  const known = rulesRead.get(stored);
  if (known !== undefined) return known;
  const read = storedRulesSchema.safeParse(stored).data ?? null;
  rulesRead.set(stored, read);
  return read;
};

// Stored updates can be invalid, which is why their schedule failed. Fields that are invalid are shown as null.
export const FlagUpdatesType = builder.objectRef<FlagUpdates>('FlagUpdates').implement({
  description: 'What a schedule changes; a field that is null stays as it is.',
  fields: (t) => ({
    enabled: t.boolean({
      nullable: true,
      description: 'Whether the flag becomes enabled or disabled.',
      resolve: ({ enabled }) => (typeof enabled === 'boolean' ? enabled : null),
    }),
    rolloutPercentage: t.int({
      nullable: true,
      description: 'The new rollout percentage.',
      resolve: ({ rolloutPercentage }) => (Number.isInteger(rolloutPercentage) ? rolloutPercentage : null),
    }),
    defaultVariant: t.string({
      nullable: true,
      description: 'The new default variant.',
      resolve: ({ defaultVariant }) => (typeof defaultVariant === 'string' ? defaultVariant : null),
    }),
    rules: t.field({
      type: [FlagRuleType],
      nullable: true,
      description: 'The new targeting rules, which replace all existing ones.',
      ...mayHold64KiB,
      resolve: ({ rules }) => (Array.isArray(rules) ? knownRules(rules) : null),
    }),
    status: t.field({
      type: FlagStatus,
      nullable: true,
      description: "The flag's new status, in all environments.",
      resolve: ({ status }) => (status && flagStatuses.includes(status) ? status : null),
    }),
  }),
});
