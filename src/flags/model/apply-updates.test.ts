import { describe, expect, it } from 'vitest';
import { applyUpdates, checkUpdates } from './apply-updates.ts';
import type { EffectiveState } from './effective-state.ts';
import { FlagArchivedError } from './flag-errors.ts';
import { newFlagState } from './flag-state.ts';

const now = new Date('2026-03-01T09:00:00.000Z');
const state: EffectiveState = { ...newFlagState({ id: 'f-1' }, 'production', now), status: 'ACTIVE' };

it('a new state is disabled and at full rollout, so that enabling it is one change', () => {
  expect(state).toMatchObject({ enabled: false, rolloutPercentage: 100, defaultVariant: null, version: 1 });
});

describe('applyUpdates', () => {
  const later = new Date(now.getTime() + 1);
  it('counts one version, however many fields change', () => {
    expect(applyUpdates(state, { enabled: true, rolloutPercentage: 1, defaultVariant: 'b' }, later)).toEqual({
      ...state,
      enabled: true,
      rolloutPercentage: 1,
      defaultVariant: 'b',
      version: 2,
      updatedAt: later,
    });
  });

  it.each([{ enabled: true }, { rolloutPercentage: 0 }, { defaultVariant: 'b' }])('notices %j', (updates) => {
    expect(applyUpdates(state, updates, later)).toMatchObject({ ...updates, version: 2 });
  });

  it('gives the very same state back where nothing changes', () => {
    expect(applyUpdates(state, { enabled: false, rolloutPercentage: 100 }, later)).toBe(state);
  });
});

describe('an archived flag', () => {
  const archived: Parameters<typeof checkUpdates>[0] = {
    key: 'a',
    type: 'BOOLEAN',
    variants: [],
    status: 'ARCHIVED',
    statusLastSet: {},
  };

  it.each([{ enabled: true }, { enabled: true, status: 'ARCHIVED' as const }])(
    'takes no %j, which leaves it archived',
    (updates) => {
      expect(() => checkUpdates(archived, updates)).toThrow(FlagArchivedError);
    },
  );

  it.each([{ status: 'ACTIVE' as const, enabled: true }, { status: 'ARCHIVED' as const }])('takes %j', (updates) => {
    expect(() => checkUpdates(archived, updates)).not.toThrow();
  });

  it('cannot become deprecated', () => {
    expect(() => checkUpdates(archived, { status: 'DEPRECATED' })).toThrow(/^updates.status: is DEPRECATED/);
  });
});
