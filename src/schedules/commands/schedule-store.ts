import type { AuditLogger } from '../../audit/ports/audit-logger.ts';
import type { FlagWriter } from '../../flags/commands/flag-store.ts';
import type { Slice } from '../../kernel/paging.ts';
import type { Held, LockedFlag, LockedState } from '../model/held.ts';
import type { Schedule, ScheduleStatus } from '../model/schedule.ts';
import type { ScheduleFilter, ScheduleTime } from '../model/schedule-filter.ts';

/** A place in a list of schedules: by one of their instants, then id. */
export type ScheduleCursor = { at: Date; id: string };

/** Which state: a schedule touches those of its environment and, where it sets the status, those of its flag in all of them. */
export type StatePlace = { flagId: string; environment: string };
/** Of which flag, which of its states (with what sets the flag's status from any environment), or which environment. */
export type OpenScope = { flagId: string; environment?: string } | { flagId?: undefined; environment: string };
/** A place among open schedules: by the instant at which they are tried next, then id. */
export type OpenScheduleCursor = { at: Date; id: string };

/** What can still become due: pending schedules, and failed ones with a retry due. */
export type OpenScheduleReader = {
  /** Soonest first. */
  listOpen(scope: OpenScope, slice: Slice<OpenScheduleCursor>): Promise<Schedule[]>;
  countOpen(scope: OpenScope): Promise<number>;
  /** Those of a flag that set a default variant or rules, by id, behind one of them. */
  listOpenWithVariants(flagId: string, afterId: string | null, limit: number): Promise<Schedule[]>;
};

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
export type ScheduleStore = OpenScheduleReader & {
  find(id: string): Promise<Schedule | null>;
  /** In any order; those that there are. */
  findByIds(ids: readonly string[]): Promise<Schedule[]>;
  /** Oldest first, by when they are due unless another instant is given; those that have no such instant are left out. */
  list(filter: ScheduleFilter, slice: Slice<ScheduleCursor>, by?: ScheduleTime): Promise<Schedule[]>;
  count(filter: ScheduleFilter, by?: ScheduleTime): Promise<number>;
  /** Of many schedules at once, by id: the other pending ones within the conflict window that change what it changes (see `conflicts` of a schedule). At most 100 each, as ids, since many may share them. */
  conflictsOf(schedules: readonly Schedule[]): Promise<Map<string, string[]>>;
  /** Of many states at once, in their order: what is tried again by itself and touches the state, soonest first. At most 100 each, as ids. */
  upcomingRetriesOf(states: readonly StatePlace[]): Promise<string[][]>;
  /** How much is due by the database's clock (100,000 stands for that many or more), and how late the oldest of it is. */
  backlog(): Promise<{ due: number; oldestLatenessMs: number }>;
};

/** Where a schedule that is due meets its flag: `held` is null where the flag is gone. */
export type DueSchedule = { schedule: Schedule; held: Held | null };

/** What a batch of schedules changed, each in its last form: flags whose status was set, by id, and states. */
export type Changed = { flags: Map<string, LockedFlag>; states: Map<string, LockedState> };

/** Who cancels, and why. */
export type Cancellation = { cancelledBy: string | null; reason: string };
export type Cancelled = { schedule: Schedule; before: ScheduleStatus };

/** What a change of schedules needs, inside one transaction. Its instants are the database's. */
export type ScheduleWriter = Pick<ScheduleStore, 'find' | 'countOpen' | 'listOpenWithVariants'> & {
  /** False where another transaction has just used the idempotency key. */
  add(schedule: Schedule): Promise<boolean>;
  findByIdempotencyKey(createdBy: string | null, key: string): Promise<Schedule | null>;
  /** What is tried again by itself and touches a state: how many, and the soonest 20 of them. */
  upcomingRetries(of: StatePlace): Promise<{ total: number; soonest: Schedule[] }>;
  /** A schedule, locked against everybody else, and the time. Its flag first: `findShared`. Waits for a worker that holds it. */
  findLocked(id: string): Promise<{ schedule: Schedule; now: Date } | null>;
  /** Saves a schedule that was edited. */
  save(schedule: Schedule): Promise<void>;
  /** Makes an open schedule CANCELLED; null where it is not open, or does not exist. Waits for a worker that holds it. */
  cancelOpen(cancellation: Cancellation & { id: string }): Promise<Cancelled | null>;
  /** The same for every open schedule of a flag, in the order in which they would have applied. */
  cancelAllOpen(cancellation: Cancellation & { flagId: string }): Promise<Cancelled[]>;
  /** The same for the open schedules that a filter matches; where they are more than `max` none, but their number. */
  cancelMatching(
    cancellation: Cancellation & { filter: ScheduleFilter; max: number },
  ): Promise<Cancelled[] | { tooMany: number }>;
  /** A schedule with what it changes, held as a worker holds them; null where there is no such schedule. */
  hold(id: string): Promise<(DueSchedule & { now: Date }) | null>;
  /**
   * Claims what is due by the database's clock: locks the flags of the oldest `limit` due schedules, skips those that another
   * worker holds, and then takes due schedules of the locked flags, in the order in which they apply. `except`: the ids of
   * schedules to leave alone.
   */
  claimDue(limit: number, options?: { except: readonly string[] }): Promise<{ now: Date; due: DueSchedule[] }>;
  /** Saves what came of a claim: each schedule, and what they changed. One statement. */
  saveOutcomes(schedules: readonly Schedule[], changed: Changed): Promise<void>;
};

/** What the commands of this wing reach in one transaction. */
export type ScheduleTransaction = { flags: Pick<FlagWriter, 'findShared'>; schedules: ScheduleWriter; audit: AuditLogger };

/** The database refused the values of an outcome (a constraint, a trigger), not the connection or the transaction. */
export class OutcomeRefusedError extends Error {
  override readonly name = 'OutcomeRefusedError';
  /** `reason` is the database's own message: people will read it as the schedule's error. */
  constructor(reason: string, cause: unknown) {
    super(reason, { cause });
  }
}
