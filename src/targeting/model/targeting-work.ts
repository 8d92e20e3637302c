import type { ValidationIssue } from '../../kernel/errors.ts';
import type { Json } from '../../kernel/json.ts';

/** How many values a rule may have: operators, lists, and what is in them. */
export const maxNodes = 2_000;
/** How many steps the iterations of a rule may take together: items × the size of what is evaluated for each. */
const maxSteps = 10_000;
/** A list out of the context may be of any length: it counts as one of this. */
const itemsOfContext = 20;
/** Text is handled this many characters at a time. */
const charactersPerStep = 64;

export const iterations = new Set(['map', 'filter', 'reduce', 'all', 'none', 'some']);

/** How many values a rule has, itself among them. The rule must be of limited depth, here and below. */
export const countNodes = (value: Json): number => sum(innerOf(value).map(countNodes)) + 1;

/**
 * Why the iterations of a rule would take too long, whoever evaluates it. Each item, which may be a list itself or a long text,
 * meets each value of the body once, since iterations are not nested and cannot look out of themselves.
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
  // A text is iterated over by its characters, and a reduction may hand on what it began with.
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
