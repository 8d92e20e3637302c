import type { ValidationIssue } from '../../kernel/errors.ts';
import { findJsonProblem, type Json } from '../../kernel/json.ts';
import { bytesOf } from '../../kernel/json-size.ts';
import { findFlagdIssues } from './flagd-check.ts';
import { resultsOf } from './targeting-results.ts';
import { countNodes, findWorkIssues, iterations, maxNodes } from './targeting-work.ts';

const maxLevels = 50;
const maxBytes = 16 * 1024;
const maxIssues = 20;

/**
 * Finds what stops flagd from evaluating a targeting rule of a flag with these variants. Paths start below the rule's
 * `targeting`.
 *
 * A rule means what it means to flagd (https://flagd.dev/reference/flag-definitions/#targeting-rules). Null leaves the decision
 * to the next rule. Everything else is a variant's key; true and false stand for variants named `true` and `false`. So a bare
 * condition is refused unless those variants exist: it is written {"if": [condition, variant, null]}. A value that the rule
 * reads from the context is known only at evaluation, and is not checked.
 *
 * Every evaluation of the flag pays for its rules, starting with the trial here. So a rule has at most 16 KiB, 50 levels and
 * 2,000 values, and its iterations take at most 10,000 steps together: the items of the list (20 if the list is not written
 * out) times the values evaluated for each item.
 */
export const findTargetingIssues = (targeting: Json, variantKeys: readonly string[]): ValidationIssue[] => {
  // The order matters: the size check keeps deep rules from the recursive steps, and only a well-formed targeting is evaluated.
  const steps = [findSizeIssues, findStructureIssues, findWorkIssues, findFlagdIssues, findResultIssues];
  for (const find of steps) {
    const issues = find(targeting, variantKeys);
    if (issues.length > 0) return issues;
  }
  return [];
};

const findSizeIssues = (targeting: Json): ValidationIssue[] => {
  const problem = findJsonProblem(targeting, maxLevels);
  if (problem) return [{ path: [], message: problem }];
  const bytes = bytesOf(targeting);
  if (bytes > maxBytes) return [{ path: [], message: `has ${bytes} bytes as JSON: at most ${maxBytes} are allowed` }];
  const nodes = countNodes(targeting);
  if (nodes > maxNodes)
    return [{ path: [], message: `has ${nodes} values, in lists and operators: at most ${maxNodes} are allowed` }];
  return [];
};

const growing = new Set(['cat', 'merge']);

/**
 * Refuses what flagd's schema allows but an evaluation cannot take: several operators in one object, references (there are no
 * evaluators here), and iterations that are nested or read outside their item. A few lines of those run for hours or fill the
 * memory.
 */
const findStructureIssues = (targeting: Json): ValidationIssue[] => {
  const issues: ValidationIssue[] = [];
  const visit = (value: Json, path: string[], iteration: string | null): void => {
    if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) visit(item, [...path, `${index}`], iteration);
    } else if (typeof value === 'object' && value !== null) {
      const operators = Object.keys(value);
      if (operators.length > 1)
        issues.push({ path, message: `has the operators ${operators.join(' and ')}: only one is allowed` });
      for (const operator of operators) {
        const message = refuseOperator(operator, value[operator] ?? null, iteration);
        if (message) issues.push({ path: [...path, operator], message });
        visit(value[operator] ?? null, [...path, operator], iterations.has(operator) ? operator : iteration);
      }
    }
  };
  visit(targeting, [], null);
  return issues;
};

const refuseOperator = (operator: string, operands: Json, iteration: string | null): string | null => {
  if (operator === '$ref') return 'is a reference, but rules have no $evaluators: write out the shared rule instead';
  if (iteration !== null && iterations.has(operator)) return `is inside ${iteration}: iterations cannot be nested`;
  if (iteration === 'reduce' && growing.has(operator)) return 'is inside reduce, where it could grow without end';
  if (iteration !== null && operator === 'var' && !staysInside(operands)) {
    return `is inside ${iteration}: it must be a literal path within the item, without ../`;
  }
  return null;
};

const staysInside = (operands: Json): boolean => {
  const path = Array.isArray(operands) ? (operands[0] ?? null) : operands;
  return path === null || typeof path === 'number' || (typeof path === 'string' && !path.startsWith('../'));
};

const findResultIssues = (targeting: Json, variantKeys: readonly string[]): ValidationIssue[] =>
  resultsOf(targeting)
    .filter(({ value }) => value !== null && (typeof value === 'object' || !variantKeys.includes(String(value))))
    .slice(0, maxIssues)
    .map(({ path, value }) => ({ path, message: describeResult(value, variantKeys) }));

const describeResult = (value: Json, variantKeys: readonly string[]): string => {
  const what = typeof value === 'object' ? 'gives a list' : `gives ${JSON.stringify(value)}`;
  const hint = typeof value === 'boolean' ? '; write a condition as {"if": [condition, variant, null]}' : '';
  return `${what}, which is not a variant of the flag: allowed are ${variantKeys.join(', ') || 'none yet'}, and null${hint}`;
};
