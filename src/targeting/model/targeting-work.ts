import type { ValidationIssue } from '../../kernel/errors.ts';
import type { Json } from '../../kernel/json.ts';

/** The most values a rule can have: operators, lists, and what they contain. */
export const maxNodes = 2_000;
/** The most steps that a rule's iterations can take together: items × the size of what is evaluated for each. */
const maxSteps = 10_000;
/** A list from the context can have any length. It counts as this many items. */
const itemsOfContext = 20;
/** A text in an iteration's body counts as one step per this many characters. */
const charactersPerStep = 64;

/** The operators that evaluate an expression for each item of a list. */
export const iterations = new Set(['map', 'filter', 'reduce', 'all', 'none', 'some']);

/**
 * Counts the values in a rule, including the rule itself. Check the rule's depth first: this recurses, and so does
 * `findWorkIssues`.
 */
export const countNodes = (value: Json): number => sum(innerOf(value).map(countNodes)) + 1;

/**
 * Finds iterations that would take too long in any evaluator. Each item (which can be a list or a long text itself) meets each
 * value of the body once, because iterations cannot be nested and cannot read outside their item.
 */
export const findWorkIssues = (targeting: Json): ValidationIssue[] => {
  const steps = countSteps(targeting);
  if (steps <= maxSteps) return [];
  const message = `has iterations of ${steps} steps (items × values for each, an unknown list as ${itemsOfContext} items)`;
  return [{ path: [], message: `${message}: at most ${maxSteps} are allowed` }];
};

const countSteps = (value: Json): number => {
  if (typeof value !== 'object' || value === null) return 0;
  const own = Array.isArray(value)
    ? 0
    : sum(Object.entries(value).map(([operator, operands]) => (iterations.has(operator) ? stepsOf(operands) : 0)));
  return own + sum(innerOf(value).map(countSteps));
};

const stepsOf = (operands: Json): number => {
  const [list = null, body = null, initial] = Array.isArray(operands) ? operands : [operands];
  // Iterating over a text goes character by character, and a reduction can pass its initial value on.
  const items = sizeOf(list, 1) + (initial === undefined ? 0 : sizeOf(initial, 1)) + (isComputed(list) ? itemsOfContext : 0);
  return items * sizeOf(body, charactersPerStep);
};

const sizeOf = (value: Json, perStep: number): number =>
  typeof value === 'string'
    ? 1 + Math.floor(value.length / perStep)
    : 1 + sum(innerOf(value).map((inner) => sizeOf(inner, perStep)));

const isComputed = (value: Json): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);

const innerOf = (value: Json): Json[] => (typeof value === 'object' && value !== null ? Object.values(value) : []);

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
