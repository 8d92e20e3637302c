import type { EventDraft } from '../../audit/model/audit-event.ts';
import type { Random } from '../../kernel/clock.ts';
import type { InTransaction } from '../../kernel/in-transaction.ts';
import { type Applied, applySchedule, type Failed, failSchedule } from '../model/apply-schedule.ts';
import type { Held, LockedFlag } from '../model/held.ts';
import { scheduleApplied, scheduleFailed } from '../model/schedule-events.ts';
import { type Changed, type DueSchedule, OutcomeRefusedError, type ScheduleTransaction } from './schedule-store.ts';

type Deps = { inTransaction: InTransaction<ScheduleTransaction>; random: Random; batchSize: number };

/** The result of one batch. */
export type BatchResult = {
  applied: Applied[];
  failed: Failed[];
  /** The schedules that the database refused to save, even as failed, and why, by id. They stay due. */
  stuck: Map<string, string>;
  now: Date;
  /** Whether more schedules can be due, because the batch was full. */
  more: boolean;
};

/** What earlier attempts showed about a batch's schedules, by id. */
type Tried = {
  /** Why the database refused a schedule that was applied alone. The schedule fails next time. */
  refused: Map<string, string>;
  /** As in the result. They are not claimed again; otherwise the schedules behind them would never be reached. */
  stuck: Map<string, string>;
};

/**
 * Applies a batch of due schedules in one transaction. If the database refuses the batch, applies its schedules one by one, so
 * that only the bad one fails.
 */
export const makeApplyDueSchedules = ({ inTransaction, random, batchSize }: Deps) => {
  const applyBatch = (limit: number, { refused, stuck }: Tried, claimed: (ids: string[]) => void): Promise<BatchResult> =>
    inTransaction(async ({ schedules, audit }) => {
      const { now, due } = await schedules.claimDue(limit, { except: [...stuck.keys()] });
      claimed(due.map(({ schedule }) => schedule.id));
      const { decisions, changed } = decide(due, { now, random, refused, stuck });
      const outcomes = decisions.map(({ outcome }) => outcome);
      if (outcomes.length > 0)
        await schedules.saveOutcomes(
          outcomes.map(({ schedule }) => schedule),
          changed,
        );
      for (const { event } of decisions) audit.logEvent(event);
      return {
        applied: outcomes.filter((outcome) => outcome.outcome === 'applied'),
        failed: outcomes.filter((outcome) => outcome.outcome === 'failed'),
        stuck,
        now,
        // If no schedule was saved, the next claim would return the same ones.
        more: due.length === limit && outcomes.length > 0,
      };
    });

  const applyOneByOne = async (count: number): Promise<BatchResult> => {
    const tried: Tried = { refused: new Map(), stuck: new Map() };
    const results: BatchResult[] = [];
    while (results.length < count) {
      let ids: string[] = [];
      try {
        const result = await applyBatch(1, tried, (claimed) => {
          ids = claimed;
        });
        if (ids.length === 0) break;
        results.push(result);
      } catch (error) {
        const id = ids[0];
        if (!(error instanceof OutcomeRefusedError) || id === undefined) throw error;
        (tried.refused.has(id) ? tried.stuck : tried.refused).set(id, error.message);
      }
    }
    return {
      applied: results.flatMap(({ applied }) => applied),
      failed: results.flatMap(({ failed }) => failed),
      stuck: tried.stuck,
      now: results.at(-1)?.now ?? new Date(0),
      more: results.at(-1)?.more ?? false,
    };
  };

  return async (): Promise<BatchResult> => {
    let size = 0;
    try {
      return await applyBatch(batchSize, { refused: new Map(), stuck: new Map() }, (claimed) => {
        size = claimed.length;
      });
    } catch (error) {
      if (!(error instanceof OutcomeRefusedError)) throw error;
      return applyOneByOne(size);
    }
  };
};

/** A schedule's outcome, and its event. */
type Decision = { outcome: Applied | Failed; event: EventDraft };

/**
 * Decides the outcome of each schedule in order. Returns the outcomes, and the final version of every flag and state that they
 * change.
 */
const decide = (
  due: readonly DueSchedule[],
  { now, random, refused, stuck }: { now: Date; random: Random } & Tried,
): { decisions: Decision[]; changed: Changed } => {
  const flags: Changed['flags'] = new Map();
  const states: Changed['states'] = new Map();
  const decisions: Decision[] = [];
  for (const { schedule, held } of due) {
    const key = `${schedule.flagId} ${schedule.environment}`;
    const chance = { now, random: random() };
    const current: Held | null = held && {
      // Each schedule came with its own copy of the flag. An earlier schedule of the batch can have changed the status since.
      flag: { ...held.flag, ...statusOf(flags.get(held.flag.id)) },
      state: states.get(key) ?? held.state,
    };
    const apply = () => {
      const reason = refused.get(schedule.id);
      if (reason !== undefined) throw new Error(reason);
      return withEvent(applySchedule(schedule, current, chance), now);
    };
    const fail = (reason: string) => withEvent(failSchedule(schedule, current, reason, chance), now);
    try {
      const decision = attempt(apply, fail);
      if (decision.outcome.outcome === 'applied') {
        const { flag, state } = decision.outcome.next;
        states.set(key, state);
        if (schedule.updates.status !== undefined) flags.set(flag.id, flag);
      }
      decisions.push(decision);
    } catch (error) {
      stuck.set(schedule.id, messageOf(error));
    }
  }
  return { decisions, changed: { flags, states } };
};

const statusOf = (flag: LockedFlag | undefined) =>
  flag && { status: flag.status, version: flag.version, statusLastSet: flag.statusLastSet };

/** Whatever goes wrong with a schedule, it fails alone and does not hold up the others. */
const attempt = (apply: () => Decision, fail: (reason: string) => Decision): Decision => {
  try {
    return apply();
  } catch (error) {
    return fail(messageOf(error));
  }
};

const withEvent = (outcome: Applied | Failed, now: Date): Decision => ({
  outcome,
  event: outcome.outcome === 'applied' ? scheduleApplied(outcome, now) : scheduleFailed(outcome, now),
});

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
