import type { Json } from '../../kernel/json.ts';

/** A value that an expression can give, and its path in the rule. An empty array stands for any list. */
export type Result = { path: string[]; value: Json };

const conditions = new Set(
  ['==', '===', '!=', '!==', '<', '<=', '>', '>=', '!', '!!', 'in', 'all', 'none', 'some'].concat(
    'starts_with',
    'ends_with',
    'sem_ver',
  ),
);
const lists = new Set(['map', 'filter', 'merge', 'missing', 'missing_some']);

/**
 * Finds every result that is written in a targeting rule. Results that come from the context, or are computed (`cat`, `+` …),
 * are not included.
 */
export const resultsOf = (expression: Json, path: string[] = []): Result[] => {
  if (typeof expression !== 'object' || expression === null || Array.isArray(expression)) return [{ path, value: expression }];
  const [operator, operands] = Object.entries(expression)[0] ?? [];
  if (operator === undefined) return [];
  if (conditions.has(operator)) return [true, false].map((value) => ({ path, value }));
  if (lists.has(operator)) return [{ path, value: [] }];
  const args = Array.isArray(operands) ? operands : [operands ?? null];
  const last = args.length - 1;
  const at = (index: number, ...deeper: string[]) => [...path, operator, `${index}`, ...deeper];
  const results = args.map((arg, index) => () => resultsOf(arg, at(index)));

  switch (operator) {
    case 'if':
      // Conditions and results alternate. A last operand without a partner is the else, or a condition that stands alone.
      return results.flatMap((of, index) => (index % 2 === 1 || index === last ? of() : []));
    case 'or':
      return results.flatMap((of, index) => of().filter(({ value }) => index === last || isTruthy(value)));
    case 'and':
      return results.flatMap((of, index) => of().filter(({ value }) => index === last || !isTruthy(value)));
    case 'fractional':
      // If the first argument is not a bucket, it is the value to bucket by.
      return args.flatMap((bucket, index) => (Array.isArray(bucket) ? resultsOf(bucket[0] ?? null, at(index, '0')) : []));
    case 'var':
      return args.length > 1 ? resultsOf(args[1] ?? null, at(1)) : [];
    default:
      return [];
  }
};

const isTruthy = (value: Json): boolean => (Array.isArray(value) ? value.length > 0 : Boolean(value));
