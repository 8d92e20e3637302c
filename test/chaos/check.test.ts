import { describe, expect, it } from 'vitest';
import { check, type RuleName, rules } from '../../chaos/check.ts';
import type { LogRow, Operation, ScheduleRow } from '../../chaos/evidence.ts';
import { at, type Spoilable, sound, state } from './sound-run.ts';

/** Takes an event out of everything, as if it had never been. */
const lose = (evidence: Spoilable, position: number) => {
  const renumber = <Item extends { position: number }>(items: Item[]) =>
    items
      .filter((item) => item.position !== position)
      .map((item) => ({ ...item, position: item.position - Number(item.position > position) }));
  evidence.log = renumber(evidence.log);
  evidence.size -= 1;
  evidence.feeds = new Map([['feed', evidence.log.map((row) => row.position)]]);
  for (const [name, taken] of evidence.sinks) evidence.sinks.set(name, renumber(taken));
};
const swap = (evidence: Spoilable, a: number, b: number) => {
  const [first, second] = [evidence.log[a - 1], evidence.log[b - 1]] as [LogRow, LogRow];
  evidence.log[a - 1] = { ...second, position: a };
  evidence.log[b - 1] = { ...first, position: b };
};
const change = <Item extends object>(items: Item[], index: number, fields: Partial<Item>) => {
  items[index] = { ...(items[index] as Item), ...fields };
};

const spoilings: [RuleName, string, (evidence: Spoilable) => void][] = [
  ['what was acknowledged is there', 'a flag is gone', ({ states }) => void states.delete('f')],
  ['what was acknowledged is there', 'its event is of nobody', (evidence) => change(evidence.log, 0, { requestId: null })],
  ['what was acknowledged is there', 'a schedule is gone', ({ schedules }) => void schedules.splice(0, 1)],
  [
    'what was acknowledged is there',
    'a schedule is for another instant',
    ({ schedules }) => change(schedules, 0, { scheduledAt: at(9) }),
  ],
  [
    'what was acknowledged is there',
    'a state has other values',
    (evidence) => change(evidence.log, 3, { after: state(2, false, 60) }),
  ],
  [
    'what was acknowledged is there',
    'a cancelled schedule was applied',
    ({ operations }) => change(operations, 11, { outcome: 'ok' }),
  ],
  ['what was refused left nothing', 'a flag is there', ({ states }) => void states.set('h', state(1, false))],
  ['what was refused left nothing', 'an event is there', (evidence) => change(evidence.log, 6, { requestId: 'r12' })],
  [
    'what was refused left nothing',
    'a schedule is there',
    ({ schedules }) => void schedules.push({ ...(schedules[0] as ScheduleRow), id: 's4', idempotencyKey: 'key-s4' }),
  ],
  [
    'what nobody answered is done or not, never half',
    'a flag has no event',
    ({ states }) => void states.set('g', state(1, false)),
  ],
  ['what nobody answered is done or not, never half', 'a schedule has no event', (evidence) => lose(evidence, 3)],
  [
    'what nobody answered is done or not, never half',
    'an event has no row',
    ({ schedules }) => change(schedules, 2, { status: 'APPLIED' }),
  ],
  [
    'what nobody answered is done or not, never half',
    'it was done twice',
    (evidence) => change(evidence.log, 3, { requestId: 'r9' }),
  ],
  [
    'one idempotency key makes one schedule',
    'it made two',
    ({ schedules }) => change(schedules, 2, { idempotencyKey: 'key-s2' }),
  ],
  [
    'one idempotency key makes one schedule',
    'it was answered with two',
    ({ operations }) => change(operations, 4, { outcome: 'ok', scheduleId: 's1' } as Partial<Operation>),
  ],
  ['no answer is an internal error', 'one is', ({ operations }) => change(operations, 1, { said: 'INTERNAL_SERVER_ERROR' })],
  ['positions have no gap', 'one is left out', (evidence) => change(evidence.log, 8, { position: 10 })],
  ['positions have no gap', 'an event waits', (evidence) => void Object.assign(evidence, { waiting: 1 })],
  ['positions have no gap', 'the end is cut off', (evidence) => void evidence.log.pop()],
  ['positions have no gap', 'an event is there twice', (evidence) => change(evidence.log, 8, { id: 'event-1' })],
  [
    'each schedule is applied once, or cancelled',
    'one is applied twice',
    (evidence) => change(evidence.log, 8, { scheduleId: 's2', eventType: 'flag_schedule.applied' }),
  ],
  [
    'each schedule is applied once, or cancelled',
    'one waits for ever',
    ({ schedules }) => change(schedules, 1, { status: 'PENDING' }),
  ],
  ['each schedule is applied once, or cancelled', 'one failed', ({ schedules }) => change(schedules, 1, { status: 'FAILED' })],
  ['each schedule is applied once, or cancelled', 'one has no row', ({ schedules }) => void schedules.splice(1, 1)],
  ['schedules of a flag are applied in order', 'two are the wrong way round', (evidence) => swap(evidence, 5, 6)],
  ['states are what the log says', 'a row is something else', ({ states }) => void states.set('f', state(4, true, 50))],
  [
    'states are what the log says',
    'a change was undone unseen',
    (evidence) => change(evidence.log, 6, { before: state(3, false, 50) }),
  ],
  ['states are what the log says', 'events are the wrong way round', (evidence) => swap(evidence, 4, 5)],
  ['feeds get every event once, in order', 'one misses an event', ({ feeds }) => void feeds.get('feed')?.splice(3, 1)],
  ['feeds get every event once, in order', 'one gets an event twice', ({ feeds }) => void feeds.get('feed')?.splice(3, 0, 3)],
  ['feeds get every event once, in order', 'one ends too early', ({ feeds }) => void feeds.get('feed')?.pop()],
  [
    'sinks get every event',
    'one misses an event',
    ({ sinks }) => void sinks.set('cloudwatch', (sinks.get('cloudwatch') ?? []).slice(1)),
  ],
  ['sinks get every event', 'one gets another event', ({ sinks }) => change(sinks.get('cloudwatch') ?? [], 2, { id: 'event-7' })],
  ['nothing is lost that was not declared', "a change's event", (evidence) => lose(evidence, 4)],
  ['nothing is lost that was not declared', "a new flag's event", (evidence) => lose(evidence, 1)],
  ['nothing is lost that was not declared', "an applied schedule's event", (evidence) => lose(evidence, 6)],
  ['every process is ready in the end', 'one is not', ({ unready }) => void unready.push('api-1')],
  ['no process ends by itself', 'one did', ({ crashes }) => void crashes.push('api-1: 57P01')],
];

describe('the checker', () => {
  it('finds nothing where everything is as it should be', () => {
    expect(check(sound())).toEqual([]);
  });

  it.each(spoilings)('finds, for "%s", that %s', (rule, _title, spoil) => {
    const evidence = sound();
    spoil(evidence);
    expect(check(evidence).map((violation) => violation.rule)).toContain(rule);
  });

  it('is tried with a run that breaks each of its rules', () => {
    expect(new Set(spoilings.map(([rule]) => rule))).toEqual(new Set(Object.keys(rules)));
  });

  it('forgives as many missing events as the log declares lost, and no more', () => {
    const evidence = sound();
    lose(evidence, 6);
    change(evidence.log, 7, { eventType: 'audit.loss', scheduleId: null, requestId: null, flagKey: null, declaredLost: 1 });
    const found = () => check(evidence).filter(({ rule }) => rule === 'nothing is lost that was not declared');
    // The cancellation's event had to make way for the declaration.
    expect(found()).toHaveLength(2);
    change(evidence.log, 7, { declaredLost: 2 });
    expect(found()).toEqual([]);
  });

  it('takes another order in the log where events were spooled, and still finds what the versions tell', () => {
    const evidence = sound();
    evidence.wasSpooled = true;
    swap(evidence, 4, 5);
    const ofOrder = () => check(evidence).filter(({ rule }) => rule === 'states are what the log says');
    expect(ofOrder()).toEqual([]);
    change(evidence.log, 3, { after: state(3, false, 50) });
    expect(ofOrder()).not.toEqual([]);
  });

  it('does not hold it against the worker that a schedule came when it was due already', () => {
    const evidence = sound();
    swap(evidence, 5, 6);
    change(evidence.operations, 3, { answeredAt: Date.parse(at(5)) });
    expect(check(evidence).map(({ rule }) => rule)).not.toContain('schedules of a flag are applied in order');

    const superseded = sound();
    change(superseded.schedules, 0, { status: 'FAILED', errorMessage: 'superseded: enabled was set' });
    change(superseded.log, 4, { eventType: 'flag_schedule.failed' });
    const failures = () => check(superseded).filter(({ what }) => what.includes('failed'));
    expect(failures()).toHaveLength(1);
    change(superseded.operations, 3, { answeredAt: Date.parse(at(5)) });
    expect(failures()).toEqual([]);
  });
});
