import { z } from 'zod';
import type { ValidationIssue } from '../../kernel/errors.ts';
import { type Json, presentJson } from '../../kernel/json.ts';
import { text } from '../../kernel/text.ts';
import type { FlagType } from './flag-type.ts';

/** A value that a flag can give. States, rules, overrides and experiments refer to it by its key. */
export type Variant = { key: string; value: NonNullable<Json> };

/** flagd's schema allows no line breaks. */
export const variantKeySchema = text(1, 128)
  .regex(/^.*$/u, 'must be on one line')
  .refine((key) => key !== '__proto__', 'must not be __proto__');

const maxVariants = 100;
const maxVariantsLength = 64 * 1024;

/** A flag's variants, in the order in which people see them. The flag's type decides which values are allowed. */
export const variantsSchema = z
  .array(z.object({ key: variantKeySchema, value: presentJson }))
  .max(maxVariants, `must have at most ${maxVariants} variants`)
  .refine((variants) => new Set(variants.map(({ key }) => key)).size === variants.length, 'must not have the same key twice')
  .refine(
    (variants) => JSON.stringify(variants).length <= maxVariantsLength,
    `must have at most ${maxVariantsLength} characters as JSON`,
  );

const kinds: Record<FlagType, { name: string; fits: (value: Json) => boolean }> = {
  BOOLEAN: { name: 'true or false', fits: (value) => typeof value === 'boolean' },
  STRING: { name: 'text', fits: (value) => typeof value === 'string' },
  NUMBER: { name: 'a number', fits: (value) => typeof value === 'number' && Number.isFinite(value) },
  OBJECT: {
    name: 'a JSON object',
    fits: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  },
};

/** Finds variants whose values do not fit the flag's type. Paths start below `variants`. */
export const findVariantIssues = (type: FlagType, variants: readonly Variant[]): ValidationIssue[] =>
  variants.flatMap(({ key, value }, index) =>
    kinds[type].fits(value)
      ? []
      : [
          {
            path: [`${index}`, 'value'],
            message: `of variant '${key}' must be ${kinds[type].name}: the flag is of type ${type}`,
          },
        ],
  );

/** The variants of a boolean flag that was created without any. */
const booleanVariants: readonly Variant[] = [
  { key: 'on', value: true },
  { key: 'off', value: false },
];

/** The variants that an evaluation can give: the flag's own or, for a boolean flag without any, on and off. */
export const variantsOf = ({ type, variants }: { type: FlagType; variants: readonly Variant[] }): readonly Variant[] =>
  variants.length === 0 && type === 'BOOLEAN' ? booleanVariants : variants;
