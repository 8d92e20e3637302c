import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyChanges, sayingOf } from '../../../test/support/changes.ts';
import type { EffectiveState } from '../../flags/model/effective-state.ts';
import { overrideTypes } from '../../flags/model/flag-override.ts';
import { flagStatuses } from '../../flags/model/flag-status.ts';
import { effectiveSnapshot } from '../../flags/model/snapshots.ts';
import type { Json, JsonObject } from '../../kernel/json.ts';
import { isStorableText } from '../../kernel/text.ts';
import { describeChanges, describeUpdates, diffStates, type FieldChange } from './changes.ts';

const text = fc.string({ unit: 'binary', maxLength: 300 }).filter(isStorableText);
const json = fc.oneof(fc.jsonValue(), text, fc.array(fc.dictionary(text, fc.jsonValue(), { maxKeys: 2 }), { maxLength: 3 }));
/** Few names, so that two states share some; among them those that every object has, and the bookkeeping. */
const field = fc.oneof(
  fc.constantFrom('a', 'b', 'c', '', '__proto__', 'constructor', 'toString', 'version', 'updatedAt', '\u{10000}', '\uFFFF'),
  text,
);
const anyState = fc
  .array(fc.tuple(field, json), { maxLength: 6 })
  .map((entries): JsonObject => Object.fromEntries(entries) as JsonObject);

const at = fc.constantFrom('2026-01-01T00:00:00.000Z', '2027-01-01T00:00:00.000Z');
const flagState: fc.Arbitrary<JsonObject> = fc
  .record<EffectiveState>({
    flagId: fc.constant('f'),
    environment: fc.constant('production'),
    enabled: fc.boolean(),
    rolloutPercentage: fc.integer({ min: 0, max: 100 }),
    defaultVariant: fc.option(text),
    rules: fc.array(
      fc.record({
        key: text,
        description: fc.option(text),
        targeting: fc.jsonValue().filter((value) => value != null) as fc.Arbitrary<NonNullable<Json>>,
      }),
      {
        maxLength: 3,
      },
    ),
    overrides: fc.array(
      fc.record({ type: fc.constantFrom(...overrideTypes), targetId: text, variant: text, expiresAt: fc.option(at) }),
      {
        maxLength: 3,
      },
    ),
    experiment: fc.option(
      fc.record({
        key: text,
        hypothesis: fc.option(text),
        variants: fc.array(fc.record({ variant: text, weight: fc.nat() }), { maxLength: 2 }),
        startedAt: at,
        startedBy: fc.option(text),
      }),
    ),
    emergency: fc.option(fc.record({ reason: text, startedAt: at, startedBy: fc.option(text) })),
    status: fc.constantFrom(...flagStatuses),
    lastSet: fc.constant({}),
    version: fc.nat(),
    updatedAt: fc.constant(new Date(0)),
  })
  .map(effectiveSnapshot);

/** Half of the second states are the first with some other fields, as after a real change. */
const pairOf = (states: fc.Arbitrary<JsonObject>) =>
  fc
    .tuple(fc.option(states), fc.option(states), fc.boolean(), fc.func(fc.boolean()))
    .map(([previous, other, isChange, isKept]): [JsonObject | null, JsonObject | null] => {
      if (!isChange || !previous || !other) return [previous, other];
      return [
        previous,
        Object.fromEntries(
          Object.entries({ ...previous, ...other }).map(([name, value]) => [
            name,
            isKept(name) && Object.hasOwn(previous, name) ? (previous[name] ?? null) : value,
          ]),
        ),
      ];
    });
const pairs = fc.oneof(pairOf(anyState), pairOf(flagState));

const reversed = ({ field, previousValue, newValue }: FieldChange) => ({
  field,
  previousValue: newValue,
  newValue: previousValue,
});
const spelled = (saying: Map<string, Json>) => canonicalize([...saying].toSorted(([a], [b]) => (a < b ? -1 : 1)));

describe('diffStates, for any two states', () => {
  it('says how the one becomes the other, and the way back', () => {
    fc.assert(
      fc.property(pairs, ([previous, next]) => {
        const changes = diffStates(previous, next);
        expect(spelled(applyChanges(previous, changes))).toBe(spelled(sayingOf(next)));
        expect(spelled(applyChanges(next, changes.map(reversed)))).toBe(spelled(sayingOf(previous)));
      }),
    );
  });

  it('says nothing twice and nothing too much, in alphabetical order', () => {
    fc.assert(
      fc.property(pairs, ([previous, next]) => {
        const changes = diffStates(previous, next);
        const fields = changes.map(({ field }) => field);
        expect(fields).toEqual([...new Set(fields)].toSorted());
        for (const change of changes) {
          const without = changes.filter((other) => other !== change);
          expect(spelled(applyChanges(previous, without))).not.toBe(spelled(sayingOf(next)));
        }
      }),
    );
  });
});

describe('the description of changes', () => {
  /** A quote, its ellipsis, and the words around two of them. */
  const longest = 2 * 201 + ' changed from  to ; '.length;

  it('is text that can be stored, however long and odd the values are, and of a length that the fields bound', () => {
    fc.assert(
      fc.property(pairs, ([previous, next]) => {
        const changes = diffStates(previous, next);
        const description = describeChanges(changes);
        const names = changes.reduce((sum, { field }) => sum + field.length, 0);
        expect(description.length).toBeLessThanOrEqual(names + changes.length * longest);
        expect(description === '').toBe(changes.length === 0);
        // A quote that is cut must not break a character in two.
        expect(isStorableText(description)).toBe(true);
      }),
    );
  });

  it('is bounded as well where it says what will be set', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom('enabled', 'rules', 'defaultVariant'), json as fc.Arbitrary<Json>), (updates) => {
        expect(describeUpdates(updates).length).toBeLessThanOrEqual(Object.keys(updates).length * (20 + 201));
      }),
    );
  });
});
