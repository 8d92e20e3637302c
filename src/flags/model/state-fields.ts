import { z } from 'zod';
import { flagRuleShape, flagRulesSchema } from '../../targeting/model/flag-rule.ts';
import { variantKeySchema } from './variant.ts';

/**
 * The fields of a state that updates set, each in one place: `shape` is what a state holds, and what answers and events show;
 * `input` is what an update may carry; `initial` is what a new flag starts with.
 */
const settable = {
  enabled: { shape: z.boolean(), input: z.boolean(), initial: false },
  rolloutPercentage: {
    shape: z.int(),
    input: z.int('must be a whole number from 0 to 100').min(0, 'must be from 0 to 100').max(100, 'must be from 0 to 100'),
    // So that enabling a new flag is one change.
    initial: 100,
  },
  defaultVariant: { shape: z.string().nullable(), input: variantKeySchema, initial: null },
  // In the order in which they are tried.
  rules: { shape: z.array(flagRuleShape), input: flagRulesSchema, initial: [] },
};
type Settable = typeof settable;

export type StateField = keyof Settable;
export const stateFields = Object.keys(settable) as StateField[];

const each = <Part extends keyof Settable[StateField]>(part: Part) =>
  Object.fromEntries(Object.entries(settable).map(([field, parts]) => [field, parts[part]])) as {
    [Field in StateField]: Settable[Field][Part];
  };

export const stateFieldShapes = each('shape');
export const stateFieldInputs = each('input');
export const initialFields = each('initial');
