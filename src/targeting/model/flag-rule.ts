import { z } from 'zod';
import { type Json, presentJson } from '../../kernel/json.ts';
import { text } from '../../kernel/text.ts';

/**
 * One targeting rule of a flag in an environment. `targeting` is in flagd's format
 * (https://flagd.dev/reference/flag-definitions/#targeting-rules): JsonLogic that gives a variant's key, or null to leave the
 * decision to the next rule.
 */
export const flagRuleShape = z.object({
  key: z.string(),
  description: z.string().nullable(),
  targeting: z.json() as z.ZodType<NonNullable<Json>>,
});
export type FlagRule = z.infer<typeof flagRuleShape>;

/** Names a rule. It is unique within a flag's state. */
export const ruleKeySchema = text(1, 64);

export const flagRuleSchema = z.object({
  key: ruleKeySchema,
  description: text(0, 1000).nullish(),
  targeting: presentJson,
});

const maxRules = 100;
const maxRulesLength = 64 * 1024;

/** All rules of one state. Each key occurs once. Their size is limited because an event holds them before and after a change. */
export const flagRulesSchema = z
  .array(flagRuleSchema)
  .max(maxRules, `must have at most ${maxRules} rules`)
  .refine((rules) => new Set(rules.map(({ key }) => key)).size === rules.length, 'must not have the same key twice')
  .refine((rules) => JSON.stringify(rules).length <= maxRulesLength, `must have at most ${maxRulesLength} characters as JSON`);

/** Fills in every field, so that equal rules are equal JSON. */
export const normalizeRule = ({ key, description, targeting }: z.infer<typeof flagRuleSchema>): FlagRule => ({
  key,
  description: description ?? null,
  targeting,
});
