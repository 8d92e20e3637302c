import type { Held, LockedFlag, LockedState } from '../domain/schedules/apply-schedule.ts';
import type { Schedule, ScheduleStatus } from '../domain/schedules/schedule.ts';
import type { Slice } from './paging.ts';

export type ScheduleFilter = {
  flagKey?: string | null;
  environment?: string | null;
  statuses?: readonly ScheduleStatus[] | null;
  createdBy?: string | null;
  /** Due at or after. */
  from?: Date | null;
  /** Due before. */
  to?: Date | null;
};

/** A place in the list of schedules: by due instant, then id. */
export type ScheduleCursor = { scheduledAt: Date; id: string };

/** Which state: a schedule touches those of its environment and, where it sets the status, those of its flag in all of them. */
export type StatePlace = { flagId: string; environment: string };

/** How many schedules are what; what is due is judged by the database's clock. */
export type ScheduleCounts = {
  total: number;
  pending: number;
  applied: number;
  failed: number;
  cancelled: number;
  open: number;
  willRetry: number;
  gaveUp: number;
  overdue: number;
  dueWithinHour: number;
  dueWithinDay: number;
};

/** Durable home of scheduled changes. */
export type ScheduleStore = {
  find(id: string): Promise<Schedule | null>;
  /** Oldest due first. */
  list(filter: ScheduleFilter, slice: Slice<ScheduleCursor>): Promise<Schedule[]>;
  count(filter: ScheduleFilter): Promise<number>;
  /** Of many schedules at once, by id: the other pending ones within the conflict window that change what it changes (see `conflicts` of a schedule). At most 100 each. */
  conflictsOf(schedules: readonly Schedule[]): Promise<Map<string, Schedule[]>>;
  /** Of many states at once, in their order: what is tried again by itself and touches the state, soonest first. At most 100 each. */
  upcomingRetriesOf(states: readonly StatePlace[]): Promise<Schedule[][]>;
  /** What is due by the database's clock, and how late the oldest of it is. */
  backlog(): Promise<{ due: number; oldestLatenessMs: number }>;
};

/** Where a schedule that is due meets its flag: `held` is null where the flag is gone. */
export type DueSchedule = { schedule: Schedule; held: Held | null };

/** What a batch of schedules changed, each in its last form: flags whose status was set, by id, and states. */
export type Changed = { flags: Map<string, LockedFlag>; states: Map<string, LockedState> };

/** What a change of schedules needs, inside one transaction. */
export type ScheduleWriter = Pick<ScheduleStore, 'find'> & {
  /** False where another transaction has just used the idempotency key. */
  add(schedule: Schedule): Promise<boolean>;
  findByIdempotencyKey(createdBy: string | null, key: string): Promise<Schedule | null>;
  /** What is tried again by itself and touches a state: how many, and the soonest 20 of them. */
  upcomingRetries(of: StatePlace): Promise<{ total: number; soonest: Schedule[] }>;
  /** Makes an open schedule CANCELLED; null where it is not open, or does not exist. Waits for a worker that holds it. */
  cancelOpen(cancellation: {
    id: string;
    cancelledBy: string | null;
    cancelledAt: Date;
    reason: string | null;
  }): Promise<{ schedule: Schedule; before: ScheduleStatus } | null>;
  /** The same for every open schedule of a flag, in the order in which they would have applied. */
  cancelAllOpen(cancellation: {
    flagId: string;
    cancelledBy: string | null;
    cancelledAt: Date;
    reason: string;
  }): Promise<{ schedule: Schedule; before: ScheduleStatus }[]>;
  /**
   * Claims what is due by the database's clock: locks the flags of the oldest `limit` due schedules, skips those that another
   * worker holds, and then takes due schedules of the locked flags, in the order in which they apply. `except`: the ids of
   * schedules to leave alone.
   */
  claimDue(limit: number, options?: { except: readonly string[] }): Promise<{ now: Date; due: DueSchedule[] }>;
  /** Saves what came of a claim: each schedule, and what they changed. One statement. */
  saveOutcomes(schedules: readonly Schedule[], changed: Changed): Promise<void>;
};

/** The database refused the values of an outcome (a constraint, a trigger), not the connection or the transaction. */
export class OutcomeRefusedError extends Error {
  override readonly name = 'OutcomeRefusedError';
  /** `reason` is the database's own message: people will read it as the schedule's error. */
  constructor(reason: string, cause: unknown) {
    super(reason, { cause });
  }
}
