import { type Applied, applySchedule, type Failed, failSchedule, type LockedState } from '../domain/apply-schedule.ts';
import { scheduleApplied, scheduleFailed } from '../domain/schedule-events.ts';
import type { Random } from '../ports/clock.ts';
import { type DueSchedule, OutcomeRefusedError } from '../ports/schedule-store.ts';
import type { InTransaction } from '../ports/unit-of-work.ts';

type Deps = { inTransaction: InTransaction; random: Random; batchSize: number };

/** What one batch did. */
export type BatchResult = {
  applied: Applied[];
  failed: Failed[];
  /** Schedules, by id, of which the database would save nothing, not even that they failed; and why. They stay due. */
  stuck: Map<string, string>;
  now: Date;
  /** The batch was full, so there may be more that is due. */
  more: boolean;
};

/** What is known of a batch's schedules from trying them before, by id. */
type Tried = {
  /** Why a schedule, tried alone, could not be saved; it fails instead of being tried again. */
  refused: Map<string, string>;
  /** As in the result: left out from now on, or what comes after them would never be reached. */
  stuck: Map<string, string>;
};

/**
 * Applies a batch of what is due, in one transaction. Where the database refuses the batch, its schedules go one by one, so
 * that the bad one fails alone.
 */
export const makeApplyDueSchedules = ({ inTransaction, random, batchSize }: Deps) => {
  const applyBatch = (limit: number, { refused, stuck }: Tried, claimed: (ids: string[]) => void): Promise<BatchResult> =>
    inTransaction(async ({ schedules, audit }) => {
      const { now, due } = await schedules.claimDue(limit, { except: [...stuck.keys()] });
      claimed(due.map(({ schedule }) => schedule.id));
      const { outcomes, states } = decide(due, { now, random, refused });
      if (outcomes.length > 0)
        await schedules.saveOutcomes(
          outcomes.map(({ schedule }) => schedule),
          states,
        );
      for (const outcome of outcomes) {
        if (outcome.outcome === 'applied') audit.logEvent(scheduleApplied(outcome, now));
        else audit.logEvent(scheduleFailed(outcome, now));
      }
      return {
        applied: outcomes.filter((outcome) => outcome.outcome === 'applied'),
        failed: outcomes.filter((outcome) => outcome.outcome === 'failed'),
        stuck,
        now,
        more: due.length === limit,
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
        results.push(result);
        if (!result.more) break;
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

/** The fate of each schedule, in order, and every touched state in its last form. */
const decide = (
  due: readonly DueSchedule[],
  { now, random, refused }: { now: Date; random: Random; refused: Map<string, string> },
): { outcomes: (Applied | Failed)[]; states: LockedState[] } => {
  const states = new Map<string, LockedState>();
  const outcomes = due.map(({ schedule, state }) => {
    const reason = refused.get(schedule.id);
    if (reason !== undefined) return failSchedule(schedule, reason, { now, random: random() });
    const key = `${schedule.flagId} ${schedule.environment}`;
    const outcome = applySchedule(schedule, states.get(key) ?? state, { now, random: random() });
    if (outcome.outcome === 'applied') states.set(key, outcome.next);
    return outcome;
  });
  return { outcomes, states: [...states.values()] };
};
