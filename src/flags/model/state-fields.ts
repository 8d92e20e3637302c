import { z } from 'zod';
import { flagRuleShape, flagRulesSchema } from '../../targeting/model/flag-rule.ts';
import { variantKeySchema } from './variant.ts';

/**
 * The fields of a state that updates can set. `shape` is what a state holds, and what answers and events show; `input` is what
 * an update accepts; `initial` is the value in a new flag.
 */
const settable = {
  enabled: { shape: z.boolean(), input: z.boolean(), initial: false },
  rolloutPercentage: {
    shape: z.int(),
    input: z.int('must be a whole number from 0 to 100').min(0, 'must be from 0 to 100').max(100, 'must be from 0 to 100'),
    // With 100, one change is enough to enable a new flag for everybody.
    initial: 100,
  },
  defaultVariant: { shape: z.string().nullable(), input: variantKeySchema, initial: null },
  // Rules are tried in this order.
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
