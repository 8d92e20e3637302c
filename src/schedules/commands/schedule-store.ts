import type { Actor } from '../../access/model/actor.ts';
import type { AuditLogger } from '../../audit/ports/audit-logger.ts';
import type { FlagWriter } from '../../flags/commands/flag-store.ts';
import type { Slice } from '../../kernel/paging.ts';
import type { Held, LockedFlag, LockedState } from '../model/held.ts';
import type { Schedule, ScheduleStatus } from '../model/schedule.ts';
import type { ScheduleFilter, ScheduleTime } from '../model/schedule-filter.ts';

/** A schedule's place in a list: one of its instants, then its id. */
export type ScheduleCursor = { at: Date; id: string };

/** A state. A schedule changes the state in its environment and, if it sets the status, the flag's state in every environment. */
export type StatePlace = { flagId: string; environment: string };
/** A flag, one of its states (with schedules elsewhere that set the flag's status), or an environment. */
export type OpenScope = { flagId: string; environment?: string } | { flagId?: undefined; environment: string };
/** An open schedule's place: the instant of its next try, then its id. */
export type OpenScheduleCursor = { at: Date; id: string };

/** Reads open schedules: pending ones, and failed ones with a retry to come. */
export type OpenScheduleReader = {
  /** Earliest first. */
  listOpen(scope: OpenScope, slice: Slice<OpenScheduleCursor>): Promise<Schedule[]>;
  countOpen(scope: OpenScope): Promise<number>;
  /** Lists a flag's open schedules that set a default variant or rules, ordered by id, after `afterId`. */
  listOpenWithVariants(flagId: string, afterId: string | null, limit: number): Promise<Schedule[]>;
};

/** Counts of schedules. The database's clock decides what is overdue or due soon. */
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

/** Who created a schedule and who cancelled it, as far as the log knows. */
export type ScheduleActors = { created: Actor | null; cancelled: Actor | null };

/** Reads schedules. */
export type ScheduleStore = OpenScheduleReader & {
  find(id: string): Promise<Schedule | null>;
  /** In any order. Skips ids that do not exist. */
  findByIds(ids: readonly string[]): Promise<Schedule[]>;
  /** Oldest first by `by`, by default `scheduledAt`. Leaves out schedules without that instant. */
  list(filter: ScheduleFilter, slice: Slice<ScheduleCursor>, by?: ScheduleTime): Promise<Schedule[]>;
  count(filter: ScheduleFilter, by?: ScheduleTime): Promise<number>;
  /**
   * The conflicts of many schedules, by schedule id: other pending schedules within the conflict window that change the same
   * thing. Returns at most 100 ids for each.
   */
  conflictsOf(schedules: readonly Schedule[]): Promise<Map<string, string[]>>;
  /**
   * The retries to come for each of many states, in the order of the states, earliest first. Returns at most 100 ids for each.
   */
  upcomingRetriesOf(states: readonly StatePlace[]): Promise<string[][]>;
  /** Who acted on schedules, by schedule id. Schedules that the log does not know are left out. */
  actorsOf(ids: readonly string[]): Promise<Map<string, ScheduleActors>>;
  /** How many schedules are due by the database's clock (at most 100,000 are counted), and how late the oldest is. */
  backlog(): Promise<{ due: number; oldestLatenessMs: number }>;
};

/** A due schedule with its locked flag and state. `held` is null if the flag is gone. */
export type DueSchedule = { schedule: Schedule; held: Held | null };

/** The final versions of what a batch changed: flags with a new status, by id, and states. */
export type Changed = { flags: Map<string, LockedFlag>; states: Map<string, LockedState> };

export type Cancellation = { cancelledBy: string | null; reason: string };
export type Cancelled = { schedule: Schedule; before: ScheduleStatus };

/** Changes schedules inside one transaction. All instants come from the database's clock. */
export type ScheduleWriter = Pick<ScheduleStore, 'find' | 'countOpen' | 'listOpenWithVariants'> & {
  /** False if another transaction has just used the idempotency key. */
  add(schedule: Schedule): Promise<boolean>;
  findByIdempotencyKey(createdBy: string | null, key: string): Promise<Schedule | null>;
  /** The failed schedules with a retry to come that change a state: how many, and the next 20. */
  upcomingRetries(of: StatePlace): Promise<{ total: number; soonest: Schedule[] }>;
  /** Locks a schedule, waiting for a worker that holds it. Returns it with the time. Lock its flag first, with `findShared`. */
  findLocked(id: string): Promise<{ schedule: Schedule; now: Date } | null>;
  /** Saves an edited schedule. */
  save(schedule: Schedule): Promise<void>;
  /** Cancels an open schedule, waiting for a worker that holds it. Null if it does not exist or is not open. */
  cancelOpen(cancellation: Cancellation & { id: string }): Promise<Cancelled | null>;
  /** Cancels every open schedule of a flag, in the order in which they would have applied. */
  cancelAllOpen(cancellation: Cancellation & { flagId: string }): Promise<Cancelled[]>;
  /** Cancels the open schedules that match a filter. If there are more than `max`, cancels none and returns their number. */
  cancelMatching(
    cancellation: Cancellation & { filter: ScheduleFilter; max: number },
  ): Promise<Cancelled[] | { tooMany: number }>;
  /** Locks one schedule with its flag and state, as a worker does. Null if the schedule does not exist. */
  hold(id: string): Promise<(DueSchedule & { now: Date }) | null>;
  /**
   * Claims due schedules by the database's clock. Locks the flags of the oldest `limit` due schedules, skipping flags that
   * another worker has locked. Then takes due schedules of the locked flags, in the order in which they apply. `except` lists
   * the ids of schedules to leave out.
   */
  claimDue(limit: number, options?: { except: readonly string[] }): Promise<{ now: Date; due: DueSchedule[] }>;
  /** Saves the schedules of a claim and what they changed, in one statement. */
  saveOutcomes(schedules: readonly Schedule[], changed: Changed): Promise<void>;
};

/** What this wing's commands use inside one transaction. */
export type ScheduleTransaction = { flags: Pick<FlagWriter, 'findShared'>; schedules: ScheduleWriter; audit: AuditLogger };

/** The database refused the values of an outcome (by a constraint or a trigger); the connection and the transaction are fine. */
export class OutcomeRefusedError extends Error {
  override readonly name = 'OutcomeRefusedError';
  /** `reason` is the database's own message. People read it as the schedule's error. */
  constructor(reason: string, cause: unknown) {
    super(reason, { cause });
  }
}
