import { type Caller, systemActor } from '../../access/model/actor.ts';
import { adminFields, attributedTo } from '../../audit/model/attribution.ts';
import { describeChanges, describeUpdates, diffStates, type FieldChange } from '../../audit/model/changes.ts';
import { nameElements } from '../../audit/model/element-changes.ts';
import { describeStateChanges } from '../../flags/model/flag-events.ts';
import type { FlagUpdates } from '../../flags/model/flag-updates.ts';
import { effectiveSnapshot } from '../../flags/model/snapshots.ts';
import type { Applied, Failed } from './apply-schedule.ts';
import { effectiveStateOf } from './held.ts';
import { manualCancellation, type Schedule } from './schedule.ts';
import type { ScheduleEventDraft } from './schedule-event-types.ts';

const setsStatus = ({ updates }: Schedule) => updates?.status != null;
const about = (schedule: Schedule) => ({
  resource: { type: 'flag_schedule', id: schedule.id },
  scheduleId: schedule.id,
  flagKey: schedule.flagKey,
  environment: schedule.environment,
  allEnvironments: setsStatus(schedule),
});
const scheduled = ({ id, flagKey, environment }: Schedule) => ({ scheduleId: id, flagKey, environment });
const named = ({ flagKey, environment }: Schedule) => `flag '${flagKey}' in ${environment}`;

const everywhere = 'in all environments';
/** "enabled → true, status → ARCHIVED in all environments". */
const describeScheduled = ({ status, ...ofState }: FlagUpdates): string =>
  [describeUpdates(ofState), status && `status → ${status} ${everywhere}`].filter(Boolean).join(', ');
/** " (status → ARCHIVED in all environments)": the part of a schedule that reaches beyond its environment, if there is one. */
const describeStatusUpdate = (schedule: Schedule): string =>
  setsStatus(schedule) ? ` (status → ${schedule.updates.status} ${everywhere})` : '';

export const scheduleCreated = (admin: Caller, schedule: Schedule): ScheduleEventDraft<'flag_schedule.created'> => ({
  eventType: 'flag_schedule.created',
  occurredAt: schedule.createdAt,
  ...about(schedule),
  ...attributedTo(admin),
  newState: { status: schedule.status, scheduledAt: schedule.scheduledAt.toISOString(), updates: schedule.updates },
  changes: diffStates(null, {
    scheduledAt: schedule.scheduledAt.toISOString(),
    status: schedule.status,
    updates: schedule.updates,
  }),
  description: `A change of ${named(schedule)} was scheduled for ${schedule.scheduledAt.toISOString()}: ${describeScheduled(schedule.updates)}`,
  metadata: {
    ...scheduled(schedule),
    scheduledAt: schedule.scheduledAt.toISOString(),
    updates: schedule.updates,
    ...adminFields(admin),
  },
});

/** The fields that an edit can change, and the retries. */
const planSnapshot = ({ scheduledAt, updates, maxRetries, ...schedule }: Schedule) => ({
  scheduledAt: scheduledAt.toISOString(),
  updates,
  maxRetries,
  ...triesSnapshot(schedule),
});

const scheduleChanged = (
  admin: Caller,
  { before, schedule, at }: { before: Schedule; schedule: Schedule; at: Date },
  describe: (changes: FieldChange[]) => string,
): ScheduleEventDraft<'flag_schedule.updated'> => {
  const [previousState, newState] = [planSnapshot(before), planSnapshot(schedule)];
  const changes = diffStates(previousState, newState);
  return {
    eventType: 'flag_schedule.updated',
    occurredAt: at,
    ...about(schedule),
    ...attributedTo(admin),
    previousState,
    newState,
    changes,
    description: describe(changes),
    metadata: {
      ...scheduled(schedule),
      previousScheduledAt: previousState.scheduledAt,
      scheduledAt: newState.scheduledAt,
      previousUpdates: before.updates,
      updates: schedule.updates,
      previousMaxRetries: before.maxRetries,
      maxRetries: schedule.maxRetries,
      ...adminFields(admin),
    },
  };
};

export const scheduleUpdated = (admin: Caller, edit: { before: Schedule; schedule: Schedule; at: Date }) =>
  scheduleChanged(admin, edit, (changes) => {
    const { before, schedule } = edit;
    const planned = changes.filter(({ field }) => ['scheduledAt', 'updates', 'maxRetries'].includes(field));
    const again = before.status === schedule.status ? '' : `; it is ${schedule.status} again`;
    return `The change of ${named(schedule)} scheduled for ${before.scheduledAt.toISOString()} was edited: ${describeChanges(planned)}${again}`;
  });

export const scheduleRetried = (admin: Caller, retry: { before: Schedule; schedule: Schedule; at: Date }) =>
  scheduleChanged(
    admin,
    retry,
    () =>
      `The failed change of ${named(retry.schedule)} scheduled for ${retry.schedule.scheduledAt.toISOString()} is tried again at the next tick`,
  );

/** `before` is the status before the cancellation. */
export const scheduleCancelled = (
  admin: Caller,
  schedule: Schedule,
  before: Schedule['status'],
): ScheduleEventDraft<'flag_schedule.cancelled'> => {
  const reason = schedule.cancelReason ?? manualCancellation;
  return {
    eventType: 'flag_schedule.cancelled',
    ...(schedule.cancelledAt && { occurredAt: schedule.cancelledAt }),
    ...about(schedule),
    ...attributedTo(admin),
    previousState: { status: before },
    newState: { status: schedule.status },
    changes: diffStates({ status: before }, { status: schedule.status }),
    description: `The change of ${named(schedule)}${describeStatusUpdate(schedule)} scheduled for ${schedule.scheduledAt.toISOString()} was cancelled: ${reason}`,
    metadata: { ...scheduled(schedule), scheduledAt: schedule.scheduledAt.toISOString(), ...adminFields(admin), reason },
  };
};

/** `admin` applied it at once; null if the worker applied it when it was due. */
export const scheduleApplied = (
  { schedule, previous, next }: Applied,
  appliedAt: Date,
  admin: Caller | null = null,
): ScheduleEventDraft<'flag_schedule.applied'> => {
  const [before, after] = [effectiveSnapshot(effectiveStateOf(previous)), effectiveSnapshot(effectiveStateOf(next))];
  const changes = diffStates(before, after);
  return {
    eventType: 'flag_schedule.applied',
    occurredAt: appliedAt,
    ...(admin ? attributedTo(admin) : { actor: systemActor }),
    ...about(schedule),
    previousState: before,
    newState: after,
    changes: nameElements(changes),
    description: `The scheduled change of ${named(schedule)} was applied${admin ? ` by hand (scheduled for ${schedule.scheduledAt.toISOString()})` : ''}: ${describeStateChanges(changes) || 'it changed nothing'}`,
    metadata: {
      ...scheduled(schedule),
      updates: schedule.updates,
      scheduledAt: schedule.scheduledAt.toISOString(),
      appliedAt: appliedAt.toISOString(),
      latenessMs: Math.max(0, appliedAt.getTime() - schedule.scheduledAt.getTime()),
      flagState: after,
    },
  };
};

/** A schedule's status and retries. */
const triesSnapshot = ({ status, retryCount, nextRetryAt }: Pick<Schedule, 'status' | 'retryCount' | 'nextRetryAt'>) => ({
  status,
  retryCount,
  nextRetryAt: nextRetryAt?.toISOString() ?? null,
});

export const scheduleFailed = ({ before, schedule }: Failed, failedAt: Date): ScheduleEventDraft<'flag_schedule.failed'> => {
  const [previousState, newState] = [triesSnapshot(before), triesSnapshot(schedule)];
  const { nextRetryAt } = newState;
  const errorMessage = schedule.errorMessage ?? 'unknown error';
  return {
    eventType: 'flag_schedule.failed',
    occurredAt: failedAt,
    actor: systemActor,
    ...about(schedule),
    previousState,
    newState,
    changes: diffStates(previousState, newState),
    result: 'FAILURE',
    errorMessage,
    description: `The scheduled change of ${named(schedule)}${describeStatusUpdate(schedule)} failed: ${errorMessage}; ${nextRetryAt ? `next try at ${nextRetryAt}` : 'it is not tried again'}`,
    metadata: {
      ...scheduled(schedule),
      errorMessage,
      failedAt: failedAt.toISOString(),
      retryCount: schedule.retryCount,
      nextRetryAt,
    },
  };
};
