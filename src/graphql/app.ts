import type { Caller } from '../access/model/actor.ts';
import type { ApiKeyStore } from '../api-keys/commands/api-key-store.ts';
import type { ApiKey, CreateApiKey, RevokeApiKey } from '../api-keys/model/api-key.ts';
import type { RecordedAuditEvent } from '../applications/commands/record-audit-events.ts';
import type { RecordAuditEvents } from '../applications/model/event-input.ts';
import type { LogEntry } from '../audit/model/audit-event.ts';
import type { AuditEventFilter } from '../audit/model/audit-filter.ts';
import type { AuditLog } from '../audit/ports/audit-log.ts';
import type { CreateEnvironment, Environment, EnvironmentKey, UpdateEnvironment } from '../environments/model/environment.ts';
import type { FlagdDocument } from '../flagd/model/flagd-document.ts';
import type { makeChangeOverrides } from '../flags/commands/change-overrides.ts';
import type { makeChangeRules } from '../flags/commands/change-rules.ts';
import type { DeletedFlag } from '../flags/commands/delete-flag.ts';
import type { FlagStore } from '../flags/commands/flag-store.ts';
import type { makeOverrideInEmergency } from '../flags/commands/override-in-emergency.ts';
import type { makeRunExperiment } from '../flags/commands/run-experiment.ts';
import type { CreateFlag, DeleteFlag, Flag, FlagStatus, SetFlagStatus, UpdateFlag } from '../flags/model/flag.ts';
import type { FlagState, UpdateFlagState } from '../flags/model/flag-state.ts';
import type { ScheduleCounts, ScheduleStore } from '../schedules/commands/schedule-store.ts';
import type { ScheduleTarget, UpdateSchedule } from '../schedules/model/edit-schedule.ts';
import type { CancelSchedule, CreateSchedule, Schedule } from '../schedules/model/schedule.ts';
import type { CancelSchedules, ScheduleFilter } from '../schedules/model/schedule-filter.ts';
import type { ServiceStatus } from '../service/model/service-status.ts';

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
