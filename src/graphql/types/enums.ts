import type { actorTypes, roles } from '../../access/model/actor.ts';
import type { FlagOrderName } from '../../flags/graphql/flag-orders.ts';
import type { effectiveReasons } from '../../flags/model/effective-state.ts';
import type { overrideTypes } from '../../flags/model/flag-override.ts';
import type { flagStatuses } from '../../flags/model/flag-status.ts';
import type { flagTypes } from '../../flags/model/flag-type.ts';
import type { scheduleStatuses } from '../../schedules/model/schedule.ts';
import type { ScheduleOrder as ScheduleOrderName } from '../../schedules/model/schedule-filter.ts';
import type { ScheduleWarning } from '../../schedules/model/schedule-warnings.ts';
import { builder } from '../builder.ts';

/** Enum values that are named as the domain names them, each with its description. */
const describe = <Value extends string>(values: Record<Value, string>) =>
  Object.fromEntries(
    Object.entries<string>(values).map(([value, description]) => [value, { value: value as Value, description }]),
  ) as Record<Value, { value: Value; description: string }>;

export const FlagType = builder.enumType('FlagType', {
  description: "What a flag's variants hold.",
  values: describe<(typeof flagTypes)[number]>({
    BOOLEAN: 'On or off.',
    STRING: 'Text.',
    NUMBER: 'A number.',
    OBJECT: 'A JSON object.',
  }),
});

export const FlagStatus = builder.enumType('FlagStatus', {
  description: 'Where a flag is in its life.',
  values: describe<(typeof flagStatuses)[number]>({
    ACTIVE: 'In use.',
    DEPRECATED: 'On its way out: it still works.',
    ARCHIVED: 'Off everywhere. It takes no change but its return to ACTIVE.',
  }),
});

export const EffectiveReason = builder.enumType('EffectiveReason', {
  description: 'Why a flag is on or off in an environment.',
  values: describe<(typeof effectiveReasons)[number]>({
    ENABLED: 'It is on: it is enabled there, and the flag is not archived.',
    DISABLED: 'It is off: it is disabled there.',
    FLAG_ARCHIVED: 'It is off: the flag is archived, whatever its state there says.',
    FLAG_DELETED: 'It is off: the flag was deleted while the request was answered.',
  }),
});

export const OverrideType = builder.enumType('OverrideType', {
  description: 'Whom an override is for.',
  values: describe<(typeof overrideTypes)[number]>({
    USER: "One user: the evaluation context's `targetingKey`.",
    GROUP: "One group: an element of the evaluation context's `groups`.",
  }),
});

export const ScheduleStatus = builder.enumType('ScheduleStatus', {
  description: 'Where a scheduled change is in its life.',
  values: describe<(typeof scheduleStatuses)[number]>({
    PENDING: 'Not due yet, or about to be applied.',
    APPLIED: 'The change was made.',
    FAILED: 'The change could not be made. With `nextRetryAt` it is tried again, without it is not.',
    CANCELLED: 'Somebody called it off before it was applied.',
  }),
});

export const ScheduleOrder = builder.enumType('ScheduleOrder', {
  description: 'The order of schedules. Those of one instant are ordered by id.',
  values: describe<ScheduleOrderName>({
    DUE_OLDEST_FIRST: 'By when they are due, the earliest first: what comes next, or is most overdue.',
    DUE_NEWEST_FIRST: 'By when they are due, the latest first.',
    CREATED_OLDEST_FIRST: 'By when they were created, the first one first.',
    CREATED_NEWEST_FIRST: 'By when they were created, the latest one first.',
    APPLIED_OLDEST_FIRST: 'By when they were applied, the first one first. Lists only those that were applied.',
    APPLIED_NEWEST_FIRST: 'By when they were applied, the latest one first. Lists only those that were applied.',
  }),
});

export const ScheduleWarningCode = builder.enumType('ScheduleWarningCode', {
  description: 'What a warning of a schedule is about.',
  values: describe<ScheduleWarning['code']>({
    EMERGENCY_OVERRIDE_ACTIVE: 'An emergency override holds a state that it would change: it fails until that is lifted.',
    ENVIRONMENT_DISABLED: 'Its environment is disabled: it fails until somebody enables that.',
    FLAG_ARCHIVED: 'Its flag is archived, and it does not make it ACTIVE again: it fails.',
    FLAG_DEPRECATED: 'Its flag is on its way out.',
    EXPERIMENT_RUNNING: 'It changes the flag in the midst of an experiment.',
  }),
});

export const ActorType = builder.enumType('ActorType', {
  description: 'What kind of actor did it.',
  values: describe<(typeof actorTypes)[number]>({
    USER: 'A person.',
    SERVICE_ACCOUNT: "Another service in its own name, or one of Flagtrail's commands.",
    SYSTEM: 'Flagtrail itself: the worker, the audit pipeline.',
    API: 'An API key.',
  }),
});

export const Role = builder.enumType('Role', {
  description: 'What a token or an API key may do.',
  values: describe<(typeof roles)[number]>({
    ADMIN: 'Everything.',
    AUDITOR: 'Reads everything, changes nothing.',
    AUDIT_WRITER: 'Records events of other applications.',
  }),
});

export const AuditOrder = builder.enumType('AuditOrder', {
  description: 'The order of events, by position in the log.',
  values: describe<'NEWEST_FIRST' | 'OLDEST_FIRST'>({
    NEWEST_FIRST: 'The latest event first.',
    OLDEST_FIRST: 'The log as it was written.',
  }),
});

export const FlagOrder = builder.enumType('FlagOrder', {
  description: 'How flags are sorted; ties are sorted by key.',
  values: describe<FlagOrderName>({
    KEY_A_TO_Z: 'By key, in alphabetical order.',
    KEY_Z_TO_A: 'By key, the other way round.',
    NAME_A_TO_Z: 'By name, in alphabetical order.',
    NAME_Z_TO_A: 'By name, the other way round.',
    CREATED_NEWEST_FIRST: 'Most recently created first.',
    CREATED_OLDEST_FIRST: 'The oldest first.',
    UPDATED_NEWEST_FIRST: 'Most recently changed first; changes of its states do not count.',
    UPDATED_OLDEST_FIRST: 'Least recently changed first; changes of its states do not count.',
    STATE_UPDATED_NEWEST_FIRST: 'Most recently changed first in one environment: that of `filter.state`, or else production.',
    STATE_UPDATED_OLDEST_FIRST: 'Least recently changed first in one environment: that of `filter.state`, or else production.',
  }),
});
