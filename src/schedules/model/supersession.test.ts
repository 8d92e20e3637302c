import { describe, expect, it } from 'vitest';
import { apply, aRetry, aSchedule, held, minutes, now, setByCarol, setBySchedule } from '../../../test/support/applying.ts';
import { applyAtOnce, applySchedule } from './apply-schedule.ts';
import type { LockedState } from './held.ts';
import type { Schedule } from './schedule.ts';

describe('a schedule that would undo what was done meanwhile', () => {
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

  it('keeps the place of its instant where it was edited before that: what was due in between comes before it', () => {
    const lastSet = { enabled: setBySchedule({ scheduledAt: minutes(-30), id: 'between' }) };
    const editedBefore = aSchedule({ scheduledAt: minutes(-10), decidedAt: minutes(-60) });
    expect(apply(editedBefore, held({ lastSet })).outcome).toBe('applied');
    // Decided anew afterwards, it comes last, although its instant came first.
    const overdue = { scheduledAt: minutes(-50), id: 'a' };
    expect(apply(aSchedule(overdue), held({ lastSet })).outcome).toBe('failed');
    expect(apply(aSchedule({ ...overdue, decidedAt: minutes(-5) }), held({ lastSet })).outcome).toBe('applied');
  });

  it('applied late by hand counts as of then: what was due since its instant does not undo it', () => {
    const overdue = aSchedule({ id: 'overdue', scheduledAt: minutes(-10), updates: { enabled: true } });
    const byHand = applyAtOnce(overdue, held(), now);
    const since = aSchedule({ id: 'since', scheduledAt: minutes(-5), updates: { enabled: false } });
    expect(apply(since, byHand.next).schedule.errorMessage).toMatch(/^superseded: .* by schedule 'overdue'/);
  });

  it('ahead of its instant counts as of now: what was due before that instant still applies after it', () => {
    const early = apply(aSchedule({ id: 'early', scheduledAt: minutes(60), updates: { enabled: true } }), held());
    if (early.outcome !== 'applied') return expect.unreachable();
    const between = aSchedule({ id: 'between', scheduledAt: minutes(30), updates: { enabled: false } });
    expect(applySchedule(between, early.next, { now: minutes(30), random: 0 }).outcome).toBe('applied');
  });
});
