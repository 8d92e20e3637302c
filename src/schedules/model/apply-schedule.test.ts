import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { apply, aRetry, aSchedule, held, minutes, now, setByCarol, setBySchedule } from '../../../test/support/applying.ts';
import { applySchedule } from './apply-schedule.ts';

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

  it('remembers what it met when it failed first', () => {
    const first = apply(aSchedule(), held({ environmentEnabled: false }));
    expect(first.schedule).toMatchObject({ triedStateVersion: 4, triedFlagVersion: 7 });
    const second = apply(first.schedule, held({ environmentEnabled: false, version: 9 }, { version: 9 }));
    expect(second.schedule).toMatchObject({ triedStateVersion: 4, triedFlagVersion: 7 });
  });

  it.each([
    ['the environment is disabled', held({ environmentEnabled: false }), /^Environment 'production' is disabled/],
    ['an emergency override holds the state', held({ emergency: { reason: 'leak', startedAt: 'T', startedBy: 'ann' } }), /leak/],
    ['the flag is archived', held({}, { status: 'ARCHIVED' }), /^Flag 'checkout' is archived: it cannot be changed/],
    [
      'somebody archived the flag',
      held({}, { status: 'ARCHIVED', statusLastSet: setByCarol({ from: 'ACTIVE', to: 'ARCHIVED' }) }),
      /^Flag 'checkout' is archived \(by 'carol' at 2026-03-01T08:59:00.000Z\): it cannot be changed/,
    ],
    [
      'a schedule archived the flag',
      held({}, { status: 'ARCHIVED', statusLastSet: setBySchedule({ scheduledAt: minutes(-20), id: 'z' }, 'ARCHIVED') }),
      /^Flag 'checkout' is archived \(by schedule 'z' at 2026-03-01T08:58:00.000Z\): it cannot be changed/,
    ],
    [
      'the flag no longer has the variant',
      held({}, { variants: [{ key: 'off', value: false }] }),
      /'on', which is not a variant/,
    ],
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
