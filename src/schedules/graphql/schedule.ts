import { actorKnownTo } from '../../access/model/actor.ts';
import { AuditEventRef } from '../../audit/graphql/audit-event.ts';
import { AuditEventConnection, AuditEventEdge, auditEventArgs, resolveEvents } from '../../audit/graphql/audit-event-list.ts';
import { FlagRef } from '../../flags/graphql/flag.ts';
import { FlagStateType } from '../../flags/graphql/flag-state.ts';
import { FlagUpdatesType } from '../../flags/graphql/flag-updates.ts';
import { builder, indexedTotal } from '../../graphql/builder.ts';
import { ActorRef, loggedActor } from '../../graphql/types/viewer.ts';
import type { Schedule } from '../model/schedule.ts';
import { ScheduleStatus } from './schedule-enums.ts';

export const ScheduleRef = builder.objectRef<Schedule>('Schedule');
ScheduleRef.implement({
  description: 'A change of one flag in one environment, due at an instant.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'A UUID (version 7).' }),
    flagKey: t.exposeString('flagKey', { description: "The flag's key; it stays when the flag is deleted." }),
    flag: t.field({
      type: FlagRef,
      nullable: true,
      description: 'The flag; null once it is deleted.',
      resolve: ({ flagId }, _args, { loaders }) => (flagId ? loaders.flagsById.load(flagId) : null),
    }),
    environment: t.exposeString('environment', { description: "The environment's key." }),
    scheduledAt: t.field({ type: 'DateTime', description: 'When it is due.', resolve: ({ scheduledAt }) => scheduledAt }),
    updates: t.field({ type: FlagUpdatesType, description: 'What it changes.', resolve: ({ updates }) => updates }),
    status: t.field({
      type: ScheduleStatus,
      description: 'Whether it is pending, applied, failed or cancelled.',
      resolve: ({ status }) => status,
    }),
    version: t.exposeInt('version', {
      description:
        "Counts its changes, including the worker's, from 1. Send it as `expectedVersion` so that a change is refused if something else changed the schedule first.",
    }),
    createdAt: t.field({ type: 'DateTime', description: 'When it was created.', resolve: ({ createdAt }) => createdAt }),
    createdBy: t.exposeString('createdBy', {
      nullable: true,
      description: 'The userId of the admin who created it; null if it is not known.',
    }),
    createdByActor: t.field({
      type: ActorRef,
      nullable: true,
      description: 'Who created it, as known at that moment. Null until the event is in the log, which takes at most a second.',
      ...loggedActor,
      resolve: async ({ id, createdBy }, _args, { loaders, caller }) =>
        actorKnownTo(caller, (await loaders.actorsOfSchedule.load(id))?.created, createdBy),
    }),
    cancelledAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it was cancelled.',
      resolve: (s) => s.cancelledAt,
    }),
    cancelledBy: t.exposeString('cancelledBy', { nullable: true, description: 'The userId of the admin who cancelled it.' }),
    cancelledByActor: t.field({
      type: ActorRef,
      nullable: true,
      description:
        'Who cancelled it, as known at that moment. Null if nobody did, and until the event is in the log, which takes at most a second.',
      ...loggedActor,
      resolve: async ({ id, status, cancelledBy }, _args, { loaders, caller }) =>
        status === 'CANCELLED' ? actorKnownTo(caller, (await loaders.actorsOfSchedule.load(id))?.cancelled, cancelledBy) : null,
    }),
    cancelReason: t.exposeString('cancelReason', {
      nullable: true,
      description:
        "Why it was cancelled: the admin's reason, `manual_cancellation` if they gave none, `flag_deleted` if its flag was deleted. Null if it was cancelled without a reason before version 0.2.",
    }),
    appliedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When the change was applied.',
      resolve: (s) => s.appliedAt,
    }),
    errorMessage: t.exposeString('errorMessage', { nullable: true, description: 'Why it is FAILED.' }),
    lastError: t.exposeString('lastError', {
      nullable: true,
      description: 'Why it last failed. It stays when a retry succeeds, or when the schedule is cancelled.',
    }),
    lastErrorAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it last failed; null if it never did, or if Flagtrail did not store this yet at the time.',
      resolve: (s) => s.lastErrorAt,
    }),
    retryCount: t.exposeInt('retryCount', { description: 'Retries already made.' }),
    maxRetries: t.exposeInt('maxRetries', { description: 'Retries allowed, 0–10.' }),
    nextRetryAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When a FAILED schedule is retried; null if it is not.',
      resolve: (s) => s.nextRetryAt,
    }),
    conflicts: t.field({
      type: [ScheduleRef],
      description:
        'The other pending schedules of the same flag and environment within an hour of this one, as of now. They are a warning only. Schedules that set the status count in all environments. At most 100.',
      extensions: { maxItems: 100 },
      resolve: (schedule, _args, { loaders }) => loaders.conflictsOf.load(schedule),
    }),
    auditEvents: t.connection(
      {
        type: AuditEventRef,
        description: 'All its events in the audit log, newest first.',
        ...indexedTotal,
        args: auditEventArgs,
        resolve: ({ id }, args, { app }) => resolveEvents(app.log, args, { scheduleId: id }),
      },
      AuditEventConnection,
      AuditEventEdge,
    ),
  }),
});

builder.objectField(FlagStateType, 'upcomingRetries', (t) =>
  t.field({
    type: [ScheduleRef],
    description:
      "Failed schedules with a retry to come that change this state: those of its environment, and those of any environment that set the flag's status. Soonest retry first, at most 100.",
    extensions: { maxItems: 100 },
    resolve: (state, _args, { loaders }) => loaders.upcomingRetriesOf.load(state),
  }),
);
