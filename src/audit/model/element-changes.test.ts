import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyChanges, sayingOf } from '../../../test/support/changes.ts';
import type { Json, JsonObject } from '../../kernel/json.ts';
import { diffStates } from './changes.ts';
import { nameElements } from './element-changes.ts';

const namedChanges = (previous: JsonObject | null, next: JsonObject | null) => nameElements(diffStates(previous, next));
const rule = (key: string, targeting: Json = true) => ({ key, description: null, targeting });
const override = (targetId: string, variant: string) => ({ type: 'USER', targetId, variant, expiresAt: null });

describe('changes of a list whose elements have names', () => {
  it.each<[string, JsonObject, JsonObject, object[]]>([
    [
      'a field of a rule',
      { rules: [rule('alpha'), rule('beta', 1)] },
      { rules: [rule('alpha'), rule('beta', 2)] },
      [{ field: "rules['beta'].targeting", previousValue: 1, newValue: 2 }],
    ],
    [
      'a rule that came behind the others',
      { rules: [rule('alpha')] },
      { rules: [rule('alpha'), rule('beta')] },
      [{ field: "rules['beta']", previousValue: null, newValue: rule('beta') }],
    ],
    [
      'a rule that came before the others',
      { rules: [rule('alpha')] },
      { rules: [rule('beta'), rule('alpha')] },
      [
        { field: "rules['beta']", previousValue: null, newValue: rule('beta') },
        { field: 'rules.order', previousValue: ['alpha'], newValue: ['beta', 'alpha'] },
      ],
    ],
    [
      'a rule that went',
      { rules: [rule('alpha'), rule('beta')] },
      { rules: [rule('beta')] },
      [{ field: "rules['alpha']", previousValue: rule('alpha'), newValue: null }],
    ],
    [
      'rules that changed places',
      { rules: [rule('alpha'), rule('beta')] },
      { rules: [rule('beta'), rule('alpha')] },
      [{ field: 'rules.order', previousValue: ['alpha', 'beta'], newValue: ['beta', 'alpha'] }],
    ],
    [
      'the variant of an override',
      { overrides: [override('u1', 'red')] },
      { overrides: [override('u1', 'blue')] },
      [{ field: "overrides['USER:u1'].variant", previousValue: 'red', newValue: 'blue' }],
    ],
    [
      'the value of a variant, and a field beside',
      { name: 'a', variants: [{ key: 'red', value: 1 }] },
      { name: 'b', variants: [{ key: 'red', value: 2 }] },
      [
        { field: 'name', previousValue: 'a', newValue: 'b' },
        { field: "variants['red'].value", previousValue: 1, newValue: 2 },
      ],
    ],
    [
      'the weight of an arm',
      { experiment: { key: 'e', variants: [{ variant: 'red', weight: 1 }] } },
      { experiment: { key: 'e', variants: [{ variant: 'red', weight: 3 }] } },
      [{ field: "experiment.variants['red'].weight", previousValue: 1, newValue: 3 }],
    ],
    [
      'a name with quotes and backslashes',
      { rules: [rule("it's \\ odd", 1)] },
      { rules: [rule("it's \\ odd", 2)] },
      [{ field: "rules['it\\'s \\\\ odd'].targeting", previousValue: 1, newValue: 2 }],
    ],
    [
      'an experiment that started, which has no elements to compare',
      { experiment: null },
      { experiment: { key: 'e', variants: [] } },
      [{ field: 'experiment', previousValue: null, newValue: { key: 'e', variants: [] } }],
    ],
    [
      'a list with one name twice, as a whole',
      { rules: [rule('a'), rule('a', 1)] },
      { rules: [rule('a')] },
      [{ field: 'rules', previousValue: [rule('a'), rule('a', 1)], newValue: [rule('a')] }],
    ],
    [
      'a list of other things of another name, as a whole',
      { tags: ['a'], toString: [{ key: 1 }] },
      { tags: ['b'], toString: [{ key: 2 }] },
      [
        { field: 'tags', previousValue: ['a'], newValue: ['b'] },
        { field: 'toString', previousValue: [{ key: 1 }], newValue: [{ key: 2 }] },
      ],
    ],
  ])('name %s', (_what, previous, next, expected) => {
    expect(namedChanges(previous, next)).toEqual(expected);
  });
});

/** Few names, so that lists share some; among them those that need care. */
const name = fc.constantFrom('a', 'b', 'c', "it's", '\\', "\\'", "'].x", '', 'order', '__proto__', 'a\nb');
const uniqueBy = (element: fc.Arbitrary<JsonObject>, id: (one: JsonObject) => string) =>
  fc.uniqueArray(element, { selector: id, maxLength: 5 });
const value = fc.constantFrom<Json[]>(1, 2, 'x', { if: [true, 'x'] });
const lists = {
  rules: uniqueBy(fc.record({ key: name, description: fc.option(name), targeting: value }), ({ key }) => `${key}`),
  variants: uniqueBy(fc.record({ key: name, value }), ({ key }) => `${key}`),
  overrides: uniqueBy(
    fc.record({ type: fc.constantFrom('USER', 'GROUP'), targetId: name, variant: name, expiresAt: fc.option(name) }),
    ({ type, targetId }) => `${type}:${targetId}`,
  ),
};
const arms = uniqueBy(fc.record({ variant: name, weight: fc.integer({ min: 1, max: 3 }) }), ({ variant }) => `${variant}`);
const state = fc.record({
  enabled: fc.boolean(),
  ...lists,
  experiment: fc.option(fc.record({ key: name, hypothesis: fc.option(name), variants: arms })),
}) as fc.Arbitrary<JsonObject>;

describe('changes with their elements named, for any two states', () => {
  const spelled = (saying: Map<string, Json>) => canonicalize([...saying].toSorted(([a], [b]) => (a < b ? -1 : 1)));

  it('lead from the one to the other, say nothing twice, and nothing where nothing changed', () => {
    fc.assert(
      fc.property(state, state, (previous, next) => {
        const changes = namedChanges(previous, next);
        expect(spelled(applyChanges(previous, changes))).toBe(spelled(sayingOf(next)));
        const fields = changes.map(({ field }) => field);
        expect(fields).toEqual([...new Set(fields)]);
        for (const { previousValue, newValue } of changes) expect(newValue).not.toEqual(previousValue);
        expect(namedChanges(next, next)).toEqual([]);
      }),
    );
  });

  it('are each needed: without any one of them another state comes out', () => {
    fc.assert(
      fc.property(state, state, (previous, next) => {
        const changes = namedChanges(previous, next);
        for (const change of changes) {
          const without = changes.filter((other) => other !== change);
          expect(spelled(applyChanges(previous, without))).not.toBe(spelled(sayingOf(next)));
        }
      }),
    );
  });
});
