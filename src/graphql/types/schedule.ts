import { z } from 'zod';
import { actorKnownTo } from '../../domain/access/actor.ts';
import { flagStatuses } from '../../domain/flags/flag.ts';
import { flagRulesSchema, normalizeRule } from '../../domain/flags/flag-rule.ts';
import type { FlagUpdates } from '../../domain/flags/flag-state.ts';
import { isInstant } from '../../domain/instant.ts';
import type { Schedule } from '../../domain/schedules/schedule.ts';
import type { ScheduleCursor, ScheduleFilter, ScheduleStore } from '../../ports/schedule-store.ts';
import { builder, indexedTotal } from '../builder.ts';
import { type ConnectionArgs, decodeCursor, encodeCursor, notACursor, resolvePage } from '../connection.ts';
import { AuditEventRef } from './audit-event.ts';
import { AuditEventConnection, AuditEventEdge, auditEventArgs, resolveEvents } from './audit-event-list.ts';
import { FlagStatus, ScheduleStatus } from './enums.ts';
import { FlagRef } from './flag.ts';
import { FlagStateType } from './flag-state.ts';
import { FlagRuleType } from './flag-state-parts.ts';
import { ActorRef, loggedActor } from './viewer.ts';

// Stored updates are shown as far as they make sense: what does not is the reason why such a schedule failed.
const FlagUpdatesType = builder.objectRef<FlagUpdates>('FlagUpdates').implement({
  description: 'What a schedule changes; a field that is null stays as it is.',
  fields: (t) => ({
    enabled: t.boolean({
      nullable: true,
      description: 'Turns the flag on or off.',
      resolve: ({ enabled }) => (typeof enabled === 'boolean' ? enabled : null),
    }),
    rolloutPercentage: t.int({
      nullable: true,
      description: 'The share of evaluations that it will reach.',
      resolve: ({ rolloutPercentage }) => (Number.isInteger(rolloutPercentage) ? rolloutPercentage : null),
    }),
    defaultVariant: t.string({
      nullable: true,
      description: 'The variant that will be served where nothing else says so.',
      resolve: ({ defaultVariant }) => (typeof defaultVariant === 'string' ? defaultVariant : null),
    }),
    rules: t.field({
      type: [FlagRuleType],
      nullable: true,
      description: 'The targeting rules that will take the place of those that are there.',
      resolve: ({ rules }) => flagRulesSchema.transform((known) => known.map(normalizeRule)).safeParse(rules).data ?? null,
    }),
    status: t.field({
      type: FlagStatus,
      nullable: true,
      description: "The flag's status from then on, in every environment.",
      resolve: ({ status }) => (status && flagStatuses.includes(status) ? status : null),
    }),
  }),
});

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
      description: 'Why it was cancelled, if they said; flag_deleted if its flag was deleted.',
    }),
    appliedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When the change was made.',
      resolve: (s) => s.appliedAt,
    }),
    errorMessage: t.exposeString('errorMessage', { nullable: true, description: 'Why it is FAILED.' }),
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

export const ScheduleFilterInput = builder.inputType('ScheduleFilter', {
  description: 'Which schedules; every field that is given must match.',
  fields: (t) => ({
    flagKey: t.string({ description: 'Of this flag.' }),
    environment: t.string({ description: 'In this environment.' }),
    statuses: t.field({ type: [ScheduleStatus], description: 'With any of these statuses.' }),
    createdBy: t.string({ description: 'Created by this admin (userId).' }),
    from: t.field({ type: 'DateTime', description: 'Due at this instant or later.' }),
    to: t.field({ type: 'DateTime', description: 'Due before this instant.' }),
  }),
});

export const ScheduleEdge = builder.edgeObject({ name: 'ScheduleEdge', description: 'A schedule in a list.', type: ScheduleRef });
export const ScheduleConnection = builder.connectionObject(
  { name: 'ScheduleConnection', description: 'A page of schedules.', type: ScheduleRef },
  ScheduleEdge,
);

const toCursor = ({ scheduledAt, id }: ScheduleCursor) => encodeCursor('schedule', `${scheduledAt.getTime()}:${id}`);

const parseCursor = (cursor: string): ScheduleCursor => {
  const [, instant, id] = /^(-?\d{1,15}):(.+)$/.exec(decodeCursor('schedule', cursor)) ?? [];
  const scheduledAt = new Date(Number(instant));
  if (!z.uuid().safeParse(id).success || !isInstant(scheduledAt)) throw notACursor(cursor);
  return { scheduledAt, id: id ?? '' };
};

/** A page of schedules, oldest due first; `scope` restricts it whatever the filter says. */
export const resolveSchedules = (
  schedules: ScheduleStore,
  args: ConnectionArgs & { filter?: ScheduleFilter | null },
  scope: ScheduleFilter = {},
) => {
  const filter = { ...args.filter, ...scope };
  return resolvePage({
    args,
    cursorOf: toCursor,
    parse: parseCursor,
    list: (slice) => schedules.list(filter, slice),
    count: () => schedules.count(filter),
  });
};

builder.objectField(FlagStateType, 'upcomingRetries', (t) =>
  t.field({
    type: [ScheduleRef],
    description:
      'Failed schedules that are tried again by themselves and touch this state: those of its environment, and those of any that set the status. Soonest first, at most 100.',
    extensions: { maxItems: 100 },
    resolve: (state, _args, { loaders }) => loaders.upcomingRetriesOf.load(state),
  }),
);

builder.objectField(FlagRef, 'schedules', (t) =>
  t.connection(
    {
      type: ScheduleRef,
      description:
        'What is and was scheduled for the flags of this key, oldest due first. A flag that was deleted and created again shows the schedules of its namesake, too.',
      ...indexedTotal,
      args: { filter: t.arg({ type: ScheduleFilterInput, description: 'Only these schedules.' }) },
      resolve: ({ key }, args, { app }) => resolveSchedules(app.schedules, args, { flagKey: key }),
    },
    ScheduleConnection,
    ScheduleEdge,
  ),
);
