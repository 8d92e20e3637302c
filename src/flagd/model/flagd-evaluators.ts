import type { ValidationIssue } from '../../kernel/errors.ts';
import type { Json, JsonObject } from '../../kernel/json.ts';

const maxLevels = 50;
const maxNodes = 10_000;

/**
 * Replaces a targeting's references to shared rules ($evaluators) by the rules themselves. Returns an issue if a reference
 * leads to no rule or back to itself, or if the result is larger than a rule can be.
 */
export const writeOutReferences = (
  targeting: Json,
  evaluators: JsonObject,
): { targeting: Json; issue: null } | { targeting: null; issue: ValidationIssue } => {
  let nodes = 0;
  const visit = (value: Json, path: string[], within: readonly string[], level: number): Json => {
    nodes++;
    if (nodes > maxNodes || level > maxLevels) {
      throw new Unresolvable({
        path: [],
        message: 'is too large or too deep once its references to $evaluators are written out',
      });
    }
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map((item, index) => visit(item, [...path, `${index}`], within, level + 1));
    const reference = value.$ref;
    if (typeof reference === 'string' && Object.keys(value).length === 1) {
      const refuse = (message: string) => new Unresolvable({ path: [...path, '$ref'], message });
      const evaluator = Object.hasOwn(evaluators, reference) ? evaluators[reference] : undefined;
      if (evaluator === undefined) throw refuse(`is '${reference}', which is not one of the $evaluators: ${list(evaluators)}`);
      if (within.includes(reference)) throw refuse(`leads back to itself: ${[...within, reference].join(' → ')}`);
      return visit(evaluator, path, [...within, reference], level);
    }
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [key, visit(inner, [...path, key], within, level + 1)]),
    );
  };
  try {
    return { targeting: visit(targeting, [], [], 0), issue: null };
  } catch (error) {
    if (error instanceof Unresolvable) return { targeting: null, issue: error.issue };
    throw error;
  }
};

class Unresolvable extends Error {
  readonly issue: ValidationIssue;
  constructor(issue: ValidationIssue) {
    super(issue.message);
    this.issue = issue;
  }
}

const list = (evaluators: JsonObject): string => Object.keys(evaluators).slice(0, 20).join(', ') || 'there are none';
