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
    status: t.field({ type: ScheduleStatus, description: 'Where it is in its life.', resolve: ({ status }) => status }),
    version: t.exposeInt('version', {
      description: "Counts its changes, the worker's included, from 1: what `expectedVersion` is compared with.",
    }),
    createdAt: t.field({ type: 'DateTime', description: 'When it was created.', resolve: ({ createdAt }) => createdAt }),
    createdBy: t.exposeString('createdBy', {
      nullable: true,
      description: 'The userId of the admin who created it; null where none is known.',
    }),
    createdByActor: t.field({
      type: ActorRef,
      nullable: true,
      description: 'Who created it, as known at that moment; null until the log has the event, which takes a second at most.',
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
        'Who cancelled it, as known at that moment; null where nobody did, and until the log has the event, which takes a second at most.',
      ...loggedActor,
      resolve: async ({ id, status, cancelledBy }, _args, { loaders, caller }) =>
        status === 'CANCELLED' ? actorKnownTo(caller, (await loaders.actorsOfSchedule.load(id))?.cancelled, cancelledBy) : null,
    }),
    cancelReason: t.exposeString('cancelReason', {
      nullable: true,
      description:
        'Why it was cancelled: `manual_cancellation` where they gave no reason, `flag_deleted` where its flag was deleted. Null in what was cancelled without a reason before 0.2.',
    }),
    appliedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When the change was made.',
      resolve: (s) => s.appliedAt,
    }),
    errorMessage: t.exposeString('errorMessage', { nullable: true, description: 'Why it is FAILED.' }),
    lastError: t.exposeString('lastError', {
      nullable: true,
      description: 'Why it failed the last time; it stays when a retry succeeds, or the schedule is cancelled.',
    }),
    lastErrorAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it failed the last time; null where it never did, or before that was noted.',
      resolve: (s) => s.lastErrorAt,
    }),
    retryCount: t.exposeInt('retryCount', { description: 'Retries already made.' }),
    maxRetries: t.exposeInt('maxRetries', { description: 'Retries allowed, 0–10.' }),
    nextRetryAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When a FAILED schedule is tried again; null: never.',
      resolve: (s) => s.nextRetryAt,
    }),
    conflicts: t.field({
      type: [ScheduleRef],
      description:
        'A warning: the other pending schedules of the same flag and environment within an hour of it, as of now; those that set the status count in every environment. At most 100.',
      extensions: { maxItems: 100 },
      resolve: (schedule, _args, { loaders }) => loaders.conflictsOf.load(schedule),
    }),
    auditEvents: t.connection(
      {
        type: AuditEventRef,
        description: 'Its whole trail in the audit log, newest first.',
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
      'Failed schedules that are tried again by themselves and touch this state: those of its environment, and those of any that set the status. Soonest first, at most 100.',
    extensions: { maxItems: 100 },
    resolve: (state, _args, { loaders }) => loaders.upcomingRetriesOf.load(state),
  }),
);
