import type { Caller } from '../domain/actor.ts';
import type { LogEntry } from '../domain/audit-event.ts';
import type { AuditEventFilter } from '../domain/audit-filter.ts';
import type { CreateFlag, DeleteFlag, Flag, FlagState, UpdateFlagState } from '../domain/flag.ts';
import type { CancelSchedule, CreateSchedule, Schedule } from '../domain/schedule.ts';
import type { AuditLog } from '../ports/audit-log.ts';
import type { FlagStore } from '../ports/flag-store.ts';
import type { ScheduleStore } from '../ports/schedule-store.ts';

/** What the GraphQL edge needs of the application: the commands, and what it reads. */
export type App = {
  createFlag(admin: Caller, input: CreateFlag): Promise<Flag>;
  updateFlagState(admin: Caller, input: UpdateFlagState): Promise<FlagState>;
  deleteFlag(admin: Caller, input: DeleteFlag): Promise<Flag>;
  createSchedule(admin: Caller, input: CreateSchedule): Promise<Schedule>;
  cancelSchedule(admin: Caller, input: CancelSchedule): Promise<Schedule>;
  /** Records a refused operation; returns at once. */
  recordAccessDenied(caller: Caller, denied: { operation: string; requiredRole: string }): void;
  follow(options: { filter: AuditEventFilter; after?: number }): Promise<AsyncIterableIterator<LogEntry, undefined>>;
  flags: FlagStore;
  schedules: ScheduleStore;
  log: AuditLog;
};
