import type { makeChangeOverrides } from '../application/change-overrides.ts';
import type { makeChangeRules } from '../application/change-rules.ts';
import type { DeletedFlag } from '../application/delete-flag.ts';
import type { makeOverrideInEmergency } from '../application/override-in-emergency.ts';
import type { RecordedAuditEvent } from '../application/record-audit-events.ts';
import type { makeRunExperiment } from '../application/run-experiment.ts';
import type { Caller } from '../domain/access/actor.ts';
import type { ApiKey, CreateApiKey, RevokeApiKey } from '../domain/access/api-key.ts';
import type { LogEntry } from '../domain/audit/audit-event.ts';
import type { AuditEventFilter } from '../domain/audit/audit-filter.ts';
import type { RecordAuditEvents } from '../domain/audit/record-events.ts';
import type { FlagdDocument } from '../domain/flagd/flagd.ts';
import type { CreateEnvironment, Environment, EnvironmentKey, UpdateEnvironment } from '../domain/flags/environment.ts';
import type { CreateFlag, DeleteFlag, Flag, FlagStatus, SetFlagStatus, UpdateFlag } from '../domain/flags/flag.ts';
import type { FlagState, UpdateFlagState } from '../domain/flags/flag-state.ts';
import type { ScheduleTarget, UpdateSchedule } from '../domain/schedules/edit-schedule.ts';
import type { CancelSchedule, CreateSchedule, Schedule } from '../domain/schedules/schedule.ts';
import type { CancelSchedules, ScheduleFilter } from '../domain/schedules/schedule-filter.ts';
import type { ServiceStatus } from '../domain/service/service-status.ts';
import type { ApiKeyStore } from '../ports/api-key-store.ts';
import type { AuditLog } from '../ports/audit-log.ts';
import type { FlagStore } from '../ports/flag-store.ts';
import type { ScheduleCounts, ScheduleStore } from '../ports/schedule-store.ts';

/** Changes of the parts of a flag's state. */
type StateChanges = ReturnType<typeof makeChangeRules> &
  ReturnType<typeof makeChangeOverrides> &
  ReturnType<typeof makeRunExperiment> &
  ReturnType<typeof makeOverrideInEmergency>;

/** What the GraphQL edge needs of the application: the commands, and what it reads. */
export type App = StateChanges & {
  createFlag(admin: Caller, input: CreateFlag): Promise<Flag>;
  updateFlag(admin: Caller, input: UpdateFlag): Promise<Flag>;
  setFlagStatus(admin: Caller, input: SetFlagStatus, status: FlagStatus): Promise<Flag>;
  updateFlagState(admin: Caller, input: UpdateFlagState): Promise<FlagState>;
  deleteFlag(admin: Caller, input: DeleteFlag): Promise<DeletedFlag>;
  createEnvironment(admin: Caller, input: CreateEnvironment): Promise<Environment>;
  updateEnvironment(admin: Caller, input: UpdateEnvironment): Promise<Environment>;
  deleteEnvironment(admin: Caller, input: EnvironmentKey): Promise<Environment>;
  setEnvironmentEnabled(admin: Caller, input: EnvironmentKey, enabled: boolean): Promise<Environment>;
  createSchedule(admin: Caller, input: CreateSchedule): Promise<Schedule>;
  updateSchedule(admin: Caller, input: UpdateSchedule): Promise<Schedule>;
  retrySchedule(admin: Caller, input: ScheduleTarget): Promise<Schedule>;
  applySchedule(admin: Caller, input: ScheduleTarget): Promise<Schedule>;
  cancelSchedule(admin: Caller, input: CancelSchedule): Promise<Schedule>;
  cancelSchedules(admin: Caller, input: CancelSchedules): Promise<Schedule[]>;
  createApiKey(admin: Caller, input: CreateApiKey): Promise<{ apiKey: ApiKey; secret: string }>;
  revokeApiKey(admin: Caller, input: RevokeApiKey): Promise<ApiKey>;
  recordAuditEvents(caller: Caller, input: RecordAuditEvents): Promise<RecordedAuditEvent[]>;
  /** Records a refused operation; returns at once. */
  recordAccessDenied(caller: Caller, denied: { operation: string; requiredRole: string }): void;
  /** Records that somebody looked at a flag, where that is wanted; returns at once. */
  recordFlagViewed(caller: Caller, flag: Flag): void;
  exportFlags(caller: Caller, environment: string): Promise<FlagdDocument>;
  follow(options: { filter: AuditEventFilter; after?: number }): Promise<AsyncIterableIterator<LogEntry, undefined>>;
  readServiceStatus(): Promise<ServiceStatus>;
  flags: FlagStore;
  schedules: ScheduleStore;
  countSchedules(filter: ScheduleFilter): Promise<ScheduleCounts>;
  apiKeys: Pick<ApiKeyStore, 'find' | 'list' | 'count'>;
  log: AuditLog;
};
