import { describe, expect, it } from 'vitest';
import { describeChanges, describeUpdates, diffStates } from './changes.ts';

describe('diffStates', () => {
  it('names the fields that differ, in alphabetical order, and no bookkeeping', () => {
    expect(
      diffStates(
        { b: 1, a: 'x', same: [1], version: 1, updatedAt: 'then' },
        { b: 2, a: 'y', same: [1], version: 2, updatedAt: 'now' },
      ),
    ).toEqual([
      { field: 'a', previousValue: 'x', newValue: 'y' },
      { field: 'b', previousValue: 1, newValue: 2 },
    ]);
  });

  it('takes absent for null, and a missing state for one without fields', () => {
    expect(diffStates({ a: null }, {})).toEqual([]);
    expect(diffStates(null, { a: 1 })).toEqual([{ field: 'a', previousValue: null, newValue: 1 }]);
    expect(diffStates({ a: 1 }, null)).toEqual([{ field: 'a', previousValue: 1, newValue: null }]);
    expect(diffStates(null, null)).toEqual([]);
  });

  it('compares values and not their spelling', () => {
    expect(diffStates({ a: { x: 1, y: 2 } }, { a: { y: 2, x: 1 } })).toEqual([]);
    expect(diffStates({ a: [1, 2] }, { a: [2, 1] })).toHaveLength(1);
  });
});

it('describeChanges says what changed in plain English', () => {
  const changes = [
    { field: 'name', previousValue: 'a', newValue: 'b' },
    { field: 'enabled', previousValue: false, newValue: true },
    { field: 'defaultVariant', previousValue: null, newValue: 'on' },
    { field: 'tags', previousValue: [], newValue: ['x'] },
  ];
  expect(describeChanges(changes)).toBe(
    `name changed from 'a' to 'b'; enabled changed from false to true; defaultVariant changed from null to 'on'; tags changed from [] to ["x"]`,
  );
  expect(describeChanges([])).toBe('');
});

it('describeUpdates says what will be set', () => {
  expect(describeUpdates({ enabled: true, rolloutPercentage: 25, defaultVariant: 'b' })).toBe(
    "enabled → true, rolloutPercentage → 25, defaultVariant → 'b'",
  );
});
