import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newFlagState } from '../flags/flag-state.ts';
import type { LastSet, Setting } from '../flags/last-set.ts';
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
  triedStateVersion: null,
  triedFlagVersion: null,
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
    statusLastSet: {},
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
    ...rest,
  },
});
const apply = (schedule: Schedule, holding: Held | null) => applySchedule(schedule, holding, { now, random: 0 });

const setBySchedule = (schedule: { scheduledAt: Date; id: string }, value: unknown = false) => ({
  bySchedule: {
    schedule: { id: schedule.id, scheduledAt: schedule.scheduledAt.toISOString() },
    at: '2026-03-01T08:58:00.000Z',
    from: !value,
    to: value as boolean,
    version: 4,
  },
});
const setByCarol = (rest: Partial<Setting> = {}): LastSet => ({
  byActor: { actor: { id: 'u-1', name: 'carol' }, at: '2026-03-01T08:59:00.000Z', from: 0, to: 5, version: 4, ...rest },
});
const aRetry = (rest: Partial<Schedule> = {}) =>
  aSchedule({ status: 'FAILED', nextRetryAt: minutes(-1), triedStateVersion: 3, triedFlagVersion: 3, ...rest });

describe('applySchedule', () => {
  it('changes the state, counts its version, and remembers which schedule did it', () => {
    const schedule = aSchedule();
    expect(apply(schedule, held())).toMatchObject({
      outcome: 'applied',
      schedule: { status: 'APPLIED', appliedAt: now, errorMessage: null, nextRetryAt: null, retryCount: 0 },
      previous: { state: { enabled: false, version: 4 } },
      next: {
        state: {
          enabled: true,
          version: 5,
          updatedAt: now,
          lastSet: {
            enabled: {
              bySchedule: {
                schedule: { id: 'b', scheduledAt: schedule.scheduledAt.toISOString() },
                at: now.toISOString(),
                from: false,
                to: true,
                version: 5,
              },
            },
          },
        },
      },
    });
  });

  it('counts no version where nothing changes, and is applied all the same', () => {
    const result = apply(aSchedule({ updates: { enabled: false } }), held());
    expect(result).toMatchObject({
      outcome: 'applied',
      next: { state: { version: 4, updatedAt: minutes(-60), lastSet: { enabled: { bySchedule: { schedule: { id: 'b' } } } } } },
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
  ])('after a schedule %s has set the same field: %s', (_, last, outcome) => {
    const result = apply(aRetry(), held({ lastSet: { enabled: setBySchedule(last) } }));
    expect(result.outcome).toBe(outcome);
    if (outcome === 'failed')
      expect(result.schedule).toMatchObject({
        nextRetryAt: null,
        errorMessage: `superseded: enabled was changed from true to false by schedule '${last.id}' at 2026-03-01T08:58:00.000Z`,
      });
  });

  it('fails a retry for good that would undo what a person has set after it failed first, and says who, when, from what to what', () => {
    const retry = aRetry({ updates: { enabled: true, rolloutPercentage: 77 } });
    expect(apply(retry, held({ rolloutPercentage: 5, lastSet: { rolloutPercentage: setByCarol() } }))).toMatchObject({
      outcome: 'failed',
      schedule: {
        nextRetryAt: null,
        errorMessage:
          "superseded: rolloutPercentage was changed from 0 to 5 by 'carol' at 2026-03-01T08:59:00.000Z, after this schedule had failed first",
      },
    });
  });

  it.each<[string, Partial<Schedule>, Partial<LockedState>]>([
    ['a person has set another field', { updates: { enabled: true } }, { lastSet: { rolloutPercentage: setByCarol() } }],
    [
      'a later schedule has set another field',
      {},
      { lastSet: { rules: setBySchedule({ scheduledAt: minutes(-5), id: 'z' }, 1) } },
    ],
    ['a person has set the field before it failed first', { triedStateVersion: 4 }, { lastSet: { enabled: setByCarol() } }],
    ['it was never tried before', { status: 'PENDING', triedStateVersion: null }, { lastSet: { enabled: setByCarol() } }],
    ['the field has its value already', {}, { enabled: true, lastSet: { enabled: setByCarol({ to: true }) } }],
  ])('applies where %s', (_, schedule, state) => {
    expect(apply(aRetry(schedule), held(state)).outcome).toBe('applied');
  });

  it('judges rules by what they are, and tells their number', () => {
    const rule = { key: 'beta', description: null, targeting: { if: [true, 'on', null] } };
    const updates = { rules: [rule] };
    const lastSet = { rules: setByCarol({ from: 1, to: 0 }) };
    expect(apply(aRetry({ updates }), held({ rules: [rule], lastSet })).outcome).toBe('applied');
    expect(apply(aRetry({ updates }), held({ lastSet })).schedule.errorMessage).toMatch(
      /^superseded: rules count was changed from 1 to 0 by 'carol'/,
    );
  });

  it('tells the later of two that are in the way, and what is not known it does not tell', () => {
    const { bySchedule } = setBySchedule({ scheduledAt: minutes(-5), id: 'z' });
    const by = (person: number, schedule: number) => {
      const lastSet = { enabled: { ...setByCarol({ version: person }), bySchedule: { ...bySchedule, version: schedule } } };
      return apply(aRetry(), held({ lastSet })).schedule.errorMessage;
    };
    expect(by(5, 4)).toContain("by 'carol'");
    expect(by(5, 6)).toContain("by schedule 'z'");
    expect(by(5, 5)).toContain("by schedule 'z'");
    const { from: _from, ...unknown } = bySchedule;
    expect(apply(aRetry(), held({ lastSet: { enabled: { bySchedule: unknown } } })).schedule.errorMessage).toBe(
      "superseded: enabled was set to false by schedule 'z' at 2026-03-01T08:58:00.000Z",
    );
  });

  it('a schedule that confirms what a person has set does not hide that person from another retry', () => {
    const state = { rolloutPercentage: 5, lastSet: { rolloutPercentage: setByCarol() } };
    const confirming = apply(aRetry({ id: 'a', updates: { rolloutPercentage: 5 } }), held(state));
    expect(confirming.outcome).toBe('applied');
    if (confirming.outcome !== 'applied') return;
    expect(apply(aRetry({ updates: { rolloutPercentage: 77 } }), confirming.next).schedule.errorMessage).toContain("by 'carol'");
  });

  it('a retry that changes nothing does not hide a later schedule from those between them', () => {
    const state = {
      rolloutPercentage: 30,
      lastSet: { rolloutPercentage: setBySchedule({ scheduledAt: minutes(-1), id: 'last' }, 30) },
    };
    const confirming = apply(aRetry({ updates: { rolloutPercentage: 30 } }), held(state));
    if (confirming.outcome !== 'applied') return expect.unreachable();
    const between = aRetry({ id: 'between', scheduledAt: minutes(-5), updates: { rolloutPercentage: 50 } });
    expect(apply(between, confirming.next).schedule.errorMessage).toContain("by schedule 'last'");
  });

  it('ahead of its instant counts as of now: what was due before that instant still applies after it', () => {
    const early = apply(aSchedule({ id: 'early', scheduledAt: minutes(60), updates: { enabled: true } }), held());
    if (early.outcome !== 'applied') return expect.unreachable();
    const between = aSchedule({ id: 'between', scheduledAt: minutes(30), updates: { enabled: false } });
    expect(applySchedule(between, early.next, { now: minutes(30), random: 0 }).outcome).toBe('applied');
  });

  it('remembers what it met when it failed first', () => {
    const first = apply(aSchedule(), held({ environmentEnabled: false }));
    expect(first.schedule).toMatchObject({ triedStateVersion: 4, triedFlagVersion: 7 });
    const second = apply(first.schedule, held({ environmentEnabled: false, version: 9 }, { version: 9 }));
    expect(second.schedule).toMatchObject({ triedStateVersion: 4, triedFlagVersion: 7 });
  });

  it.each([
    ['the environment is disabled', held({ environmentEnabled: false }), /^Environment 'production' is disabled/],
    ['an emergency override holds the state', held({ emergency: { reason: 'leak', startedAt: 'T', startedBy: 'ann' } }), /leak/],
    ['the flag is archived', held({}, { status: 'ARCHIVED' }), /^Flag 'checkout' is archived: it takes/],
    [
      'somebody archived the flag',
      held({}, { status: 'ARCHIVED', statusLastSet: setByCarol({ from: 'ACTIVE', to: 'ARCHIVED' }) }),
      /^Flag 'checkout' is archived \(by 'carol' at 2026-03-01T08:59:00.000Z\): it takes/,
    ],
    [
      'a schedule archived the flag',
      held({}, { status: 'ARCHIVED', statusLastSet: setBySchedule({ scheduledAt: minutes(-20), id: 'z' }, 'ARCHIVED') }),
      /^Flag 'checkout' is archived \(by schedule 'z' at 2026-03-01T08:58:00.000Z\): it takes/,
    ],
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
      next: {
        flag: {
          status: 'ACTIVE',
          version: 8,
          statusLastSet: { bySchedule: { schedule: { id: 'b' }, from: 'ARCHIVED', version: 8 } },
        },
        state: { enabled: true, version: 5 },
      },
    });
  });

  it('never undoes a later status that another environment brought, nor one of a person, nor one that an emergency elsewhere holds', () => {
    const toStatus = aSchedule({ updates: { status: 'DEPRECATED' } });
    const statusLastSet = setBySchedule({ scheduledAt: minutes(-5), id: 'a' }, 'ACTIVE');
    expect(apply(toStatus, held({}, { statusLastSet }))).toMatchObject({
      outcome: 'failed',
      schedule: { nextRetryAt: null },
    });
    expect(apply(aSchedule(), held({}, { statusLastSet })).outcome).toBe('applied');
    const retry = aRetry({ updates: { status: 'DEPRECATED' }, triedFlagVersion: 6 });
    const byPerson = setByCarol({ from: 'DEPRECATED', to: 'ACTIVE', version: 7 });
    expect(apply(retry, held({}, { statusLastSet: byPerson })).schedule.errorMessage).toMatch(
      /^superseded: status was changed from 'DEPRECATED' to 'ACTIVE' by 'carol'/,
    );
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
