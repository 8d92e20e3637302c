import { describe, expect, it } from 'vitest';
import { aSchedule, held, minutes, now } from '../../../test/support/applying.ts';
import type { EventDraft } from '../../audit/model/audit-event.ts';
import type { InTransaction } from '../../kernel/in-transaction.ts';
import type { Schedule } from '../model/schedule.ts';
import { makeApplyDueSchedules } from './apply-due-schedules.ts';
import type { ScheduleTransaction } from './schedule-store.ts';
import { type Changed, type DueSchedule, OutcomeRefusedError, type ScheduleWriter } from './schedule-store.ts';

const aDue = (id: string, rest: Partial<Schedule> = {}): DueSchedule => ({
  schedule: aSchedule({ id, scheduledAt: minutes(-1), updates: { defaultVariant: id }, createdAt: now, ...rest }),
  held: held(
    { environment: rest.environment ?? 'production', version: 1 },
    { type: 'STRING', variants: ['a', 'b', 'c', 'bad', 'stuck'].map((key) => ({ key, value: key })), version: 1 },
  ),
});

/** One whose failure cannot be put into words either: PostgreSQL's -infinity is no date. */
const anUnspeakable = (id: string) =>
  aDue(id, { status: 'FAILED', nextRetryAt: new Date(Number.NaN), updates: { defaultVariant: 'no such variant' } });

/** A queue of what is due, whose saving a test may refuse; keeps what each committed transaction saved and said. */
const makeQueue = (due: DueSchedule[], refuse: (schedules: readonly Schedule[]) => string | false | Error = () => false) => {
  const commits: { saved: string[]; changed: Changed | null; events: EventDraft[] }[] = [];
  const done = new Set<string>();
  const inTransaction: InTransaction<ScheduleTransaction> = async (work) => {
    const commit: (typeof commits)[number] = { saved: [], changed: null, events: [] };
    const schedules: Pick<ScheduleWriter, 'claimDue' | 'saveOutcomes'> = {
      claimDue: async (limit, options) => ({
        now,
        due: due.filter(({ schedule: { id } }) => !done.has(id) && !options?.except.includes(id)).slice(0, limit),
      }),
      saveOutcomes: async (outcomes, changed) => {
        const reason = refuse(outcomes);
        if (reason instanceof Error) throw reason;
        if (reason) throw new OutcomeRefusedError(reason, null);
        commit.saved.push(...outcomes.map(({ id }) => id));
        commit.changed = changed;
      },
    };
    const logEvent = (draft: EventDraft) => {
      commit.events.push(draft);
      return { ok: true } as const;
    };
    const result = await work({ schedules, audit: { logEvent } } as Parameters<typeof work>[0]);
    for (const id of commit.saved) done.add(id);
    if (commit.saved.length > 0) commits.push(commit);
    return result;
  };
  return { commits, applyDue: makeApplyDueSchedules({ inTransaction, random: () => 0, batchSize: 3 }) };
};

describe('applying what is due', () => {
  it('takes one transaction, saves each state once in its last form, and records one event each', async () => {
    const { commits, applyDue } = makeQueue([aDue('a'), aDue('b')]);
    expect(await applyDue()).toMatchObject({ applied: [{}, {}], failed: [], more: false, now });
    expect(commits).toHaveLength(1);
    expect(commits[0]).toMatchObject({
      saved: ['a', 'b'],
      events: [{ eventType: 'flag_schedule.applied' }, { eventType: 'flag_schedule.applied' }],
    });
    expect([...(commits[0]?.changed?.states.values() ?? [])]).toMatchObject([
      { defaultVariant: 'b', version: 3, lastSet: { defaultVariant: { bySchedule: { schedule: { id: 'b' } } } } },
    ]);
  });

  it('carries the status of a flag from one of its environments to the next', async () => {
    const { commits, applyDue } = makeQueue([
      aDue('a', { environment: 'staging', updates: { status: 'ARCHIVED' } }),
      aDue('b', { updates: { enabled: true } }),
      aDue('c', { updates: { status: 'ACTIVE', enabled: true } }),
    ]);
    const { applied, failed } = await applyDue();
    expect(applied.map(({ schedule }) => schedule.id)).toEqual(['a', 'c']);
    expect(failed).toMatchObject([{ schedule: { id: 'b', errorMessage: expect.stringMatching(/archived/) } }]);
    expect([...(commits[0]?.changed?.flags.values() ?? [])]).toMatchObject([
      { status: 'ACTIVE', version: 3, statusLastSet: { bySchedule: { schedule: { id: 'c' } } } },
    ]);
  });

  it('says that there may be more where the batch was full', async () => {
    const { applyDue } = makeQueue(['a', 'b', 'c', 'd'].map((id) => aDue(id)));
    expect((await applyDue()).more).toBe(true);
    expect((await applyDue()).more).toBe(false);
    expect((await applyDue()).applied).toEqual([]);
  });

  it('goes one by one where the batch is refused: the bad one fails alone, with the reason', async () => {
    const { commits, applyDue } = makeQueue([aDue('a'), aDue('bad'), aDue('c')], (schedules) =>
      schedules.some(({ id, status }) => id === 'bad' && status === 'APPLIED') ? 'too bad' : false,
    );
    const { applied, failed, stuck } = await applyDue();
    expect(applied.map(({ schedule }) => schedule.id)).toEqual(['a', 'c']);
    expect(failed.map(({ schedule }) => schedule)).toMatchObject([{ id: 'bad', status: 'FAILED', errorMessage: 'too bad' }]);
    expect(stuck.size).toBe(0);
    expect(commits.map(({ saved }) => saved)).toEqual([['a'], ['bad'], ['c']]);
    expect(commits[1]?.changed?.states.size).toBe(0);
  });

  it('leaves out a schedule of which nothing can be saved, and tells', async () => {
    const { applyDue } = makeQueue([aDue('stuck'), aDue('b'), aDue('c')], (schedules) =>
      schedules.some(({ id }) => id === 'stuck') ? 'never' : false,
    );
    const { applied, failed, stuck } = await applyDue();
    expect(applied.map(({ schedule }) => schedule.id)).toEqual(['b', 'c']);
    expect(failed).toEqual([]);
    expect([...stuck]).toEqual([['stuck', 'never']]);
  });

  it('passes on what is no refusal, such as a lost connection: nothing fails for it, and nothing goes one by one', async () => {
    let tries = 0;
    const { commits, applyDue } = makeQueue([aDue('a'), aDue('b')], () => ++tries === 1 && new Error('connection lost'));
    await expect(applyDue()).rejects.toThrow('connection lost');
    expect(commits).toEqual([]);
    expect((await applyDue()).applied).toHaveLength(2);
    expect(commits).toHaveLength(1);
  });

  it('ends where the connection is lost as schedules go one by one: none fails for it', async () => {
    const { commits, applyDue } = makeQueue([aDue('a'), aDue('b')], (schedules) =>
      schedules.length > 1 ? 'too bad' : schedules[0]?.id === 'b' && new Error('connection lost'),
    );
    await expect(applyDue()).rejects.toThrow('connection lost');
    expect(commits.map(({ saved }) => saved)).toEqual([['a']]);
  });

  it('is not asked for more at once where nothing came of a full batch: a worker would do nothing else', async () => {
    const { commits, applyDue } = makeQueue(['a', 'b', 'c'].map(anUnspeakable));
    const { applied, failed, stuck, more } = await applyDue();
    expect({ applied, failed, more }).toEqual({ applied: [], failed: [], more: false });
    expect([...stuck.keys()]).toEqual(['a', 'b', 'c']);
    expect(commits).toEqual([]);
  });

  it('goes on behind a schedule that can be neither applied nor failed, also one by one', async () => {
    const { applyDue } = makeQueue([anUnspeakable('stuck'), aDue('bad'), aDue('c')], (schedules) =>
      schedules.some(({ id, status }) => id === 'bad' && status === 'APPLIED') ? 'too bad' : false,
    );
    const { applied, failed, stuck } = await applyDue();
    expect([...stuck.keys()]).toEqual(['stuck']);
    expect(failed.map(({ schedule }) => schedule.id)).toEqual(['bad']);
    expect(applied.map(({ schedule }) => schedule.id)).toEqual(['c']);
  });
});
