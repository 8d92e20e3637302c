import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newFlagState } from '../flags/flag-state.ts';
import { applySchedule, type Held, type LockedFlag, type LockedState } from './apply-schedule.ts';
import type { Schedule } from './schedule.ts';

const now = new Date('2026-03-01T09:00:00.000Z');
const minutes = (n: number) => new Date(now.getTime() + n * 60_000);
const aSchedule = (rest: Partial<Schedule> = {}): Schedule => ({
  id: 'b',
  flagId: 'f-1',
  flagKey: 'checkout',
  environment: 'production',
  scheduledAt: minutes(-10),
  status: 'PENDING',
  updates: { enabled: true },
  createdBy: null,
  cancelledBy: null,
  cancelledAt: null,
  cancelReason: null,
  appliedAt: null,
  errorMessage: null,
  retryCount: 0,
  maxRetries: 3,
  nextRetryAt: null,
  idempotencyKey: null,
  createdAt: minutes(-60),
  ...rest,
});
const aFlag = (rest: Partial<LockedFlag> = {}): LockedFlag => ({
  ...{
    id: 'f-1',
    key: 'checkout',
    type: 'BOOLEAN',
    variants: [],
    status: 'ACTIVE',
    version: 7,
    lastStatusApplied: null,
    emergency: null,
  },
  ...rest,
});
const held = (rest: Partial<LockedState> = {}, flag: Partial<LockedFlag> = {}): Held => ({
  flag: aFlag(flag),
  state: {
    ...newFlagState({ id: 'f-1' }, 'production', minutes(-60)),
    version: 4,
    environmentEnabled: true,
    lastApplied: null,
    ...rest,
  },
});
const apply = (schedule: Schedule, holding: Held | null) => applySchedule(schedule, holding, { now, random: 0 });

describe('applySchedule', () => {
  it('changes the state, counts its version, and remembers which schedule did it', () => {
    const schedule = aSchedule();
    expect(apply(schedule, held())).toMatchObject({
      outcome: 'applied',
      schedule: { status: 'APPLIED', appliedAt: now, errorMessage: null, nextRetryAt: null, retryCount: 0 },
      previous: { state: { enabled: false, version: 4 } },
      next: { state: { enabled: true, version: 5, updatedAt: now, lastApplied: { id: 'b', scheduledAt: schedule.scheduledAt } } },
    });
  });

  it('counts no version where nothing changes, and is applied all the same', () => {
    const result = apply(aSchedule({ updates: { enabled: false } }), held());
    expect(result).toMatchObject({
      outcome: 'applied',
      next: { state: { version: 4, updatedAt: minutes(-60), lastApplied: { id: 'b' } } },
    });
  });

  it('fails for good where the flag is gone', () => {
    expect(apply(aSchedule(), null)).toMatchObject({
      outcome: 'failed',
      schedule: { status: 'FAILED', errorMessage: "flag 'checkout' no longer exists", nextRetryAt: null, retryCount: 0 },
    });
  });

  it.each([
    ['at a later instant', { scheduledAt: minutes(-5), id: 'a' }, 'failed'],
    ['at the same instant with a greater id', { scheduledAt: minutes(-10), id: 'c' }, 'failed'],
    ['at the same instant with a smaller id', { scheduledAt: minutes(-10), id: 'a' }, 'applied'],
    ['at an earlier instant', { scheduledAt: minutes(-11), id: 'z' }, 'applied'],
  ])('after a schedule %s was applied: %s', (_, lastApplied, outcome) => {
    const result = apply(aSchedule({ status: 'FAILED', nextRetryAt: minutes(-1) }), held({ lastApplied }));
    expect(result.outcome).toBe(outcome);
    if (outcome === 'failed')
      expect(result.schedule).toMatchObject({ nextRetryAt: null, errorMessage: expect.stringMatching(/^superseded by/) });
  });

  it.each([
    ['the environment is disabled', held({ environmentEnabled: false }), /^Environment 'production' is disabled/],
    ['an emergency override holds the state', held({ emergency: { reason: 'leak', startedAt: 'T', startedBy: 'ann' } }), /leak/],
    ['the flag is archived', held({}, { status: 'ARCHIVED' }), /^Flag 'checkout' is archived/],
    ['the flag no longer has the variant', held({}, { variants: [{ key: 'off', value: false }] }), /'on', which is no variant/],
  ])('where %s it fails, and is tried again: that may pass', (_, holding, errorMessage) => {
    expect(apply(aSchedule({ updates: { enabled: true, defaultVariant: 'on' } }), holding)).toMatchObject({
      outcome: 'failed',
      schedule: { status: 'FAILED', errorMessage: expect.stringMatching(errorMessage), nextRetryAt: expect.any(Date) },
    });
  });

  it('sets the status of the flag, and brings an archived one back with a change of its state', () => {
    const result = apply(aSchedule({ updates: { enabled: true, status: 'ACTIVE' } }), held({}, { status: 'ARCHIVED' }));
    expect(result).toMatchObject({
      outcome: 'applied',
      next: { flag: { status: 'ACTIVE', version: 8, lastStatusApplied: { id: 'b' } }, state: { enabled: true, version: 5 } },
    });
  });

  it('never undoes a later status that another environment brought, nor one that an emergency elsewhere holds', () => {
    const toStatus = aSchedule({ updates: { status: 'DEPRECATED' } });
    const lastStatusApplied = { scheduledAt: minutes(-5), id: 'a' };
    expect(apply(toStatus, held({}, { lastStatusApplied }))).toMatchObject({
      outcome: 'failed',
      schedule: { nextRetryAt: null },
    });
    expect(apply(aSchedule(), held({}, { lastStatusApplied })).outcome).toBe('applied');
    const emergency = { reason: 'leak', startedAt: 'T', startedBy: null, environment: 'staging' };
    expect(apply(toStatus, held({}, { emergency }))).toMatchObject({
      outcome: 'failed',
      schedule: { nextRetryAt: expect.any(Date) },
    });
  });

  it('tells what the schedule was before it failed', () => {
    const schedule = aSchedule({ status: 'FAILED', retryCount: 1, nextRetryAt: minutes(-1) });
    expect(apply(schedule, null)).toMatchObject({ before: schedule, schedule: { retryCount: 2 } });
  });

  it('is tried once, and then as often as maxRetries says, whatever that is', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10 }), fc.double({ min: 0, max: 0.999, noNaN: true }), (maxRetries, random) => {
        let schedule = aSchedule({ maxRetries, updates: JSON.parse('{"enabled":"yes"}') });
        let tries = 0;
        do {
          const result = applySchedule(schedule, held(), { now, random });
          expect(result.outcome).toBe('failed');
          schedule = result.schedule;
          tries++;
          const waitMs = schedule.nextRetryAt && schedule.nextRetryAt.getTime() - now.getTime();
          if (waitMs !== null) {
            const leastMs = Math.min(2 ** tries, 60) * 60_000;
            expect(waitMs).toBeGreaterThanOrEqual(leastMs);
            expect(waitMs).toBeLessThan(leastMs + 30_000);
          }
        } while (schedule.nextRetryAt);
        expect(tries).toBe(maxRetries + 1);
        expect(schedule).toMatchObject({ status: 'FAILED', retryCount: maxRetries });
      }),
    );
  });

  it('applied to schedules in any grouping, each in order, ends where the last of them says', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 1, maxLength: 20 }), (rollouts) => {
        let holding = held();
        for (const [n, rolloutPercentage] of rollouts.entries()) {
          const result = apply(aSchedule({ id: `${n}`, scheduledAt: minutes(n - 100), updates: { rolloutPercentage } }), holding);
          if (result.outcome === 'applied') holding = result.next;
        }
        expect(holding.state.rolloutPercentage).toBe(rollouts.at(-1));
      }),
    );
  });
});
