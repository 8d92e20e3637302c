import { z } from 'zod';
import { EnvironmentType } from '../../environments/graphql/environment.ts';
import { FlagRef } from '../../flags/graphql/flag.ts';
import { FlagStateType } from '../../flags/graphql/flag-state.ts';
import { builder, indexedTotal } from '../../graphql/builder.ts';
import { type ConnectionArgs, decodeCursor, encodeCursor, notACursor, resolvePage } from '../../graphql/connection.ts';
import { isInstant } from '../../kernel/instant.ts';
import type { OpenScheduleCursor, OpenScope, ScheduleStore } from '../commands/schedule-store.ts';
import { dueAtOf, type Schedule } from '../model/schedule.ts';
import { ScheduleRef } from './schedule.ts';
import { ScheduleConnection, ScheduleEdge } from './schedule-list.ts';

const parseCursor = (cursor: string): OpenScheduleCursor => {
  const [, instant, id] = /^(-?\d{1,15}):(.+)$/.exec(decodeCursor('open-schedule', cursor)) ?? [];
  const at = new Date(Number(instant));
  if (!z.uuid().safeParse(id).success || !isInstant(at)) throw notACursor(cursor);
  return { at, id: id ?? '' };
};

const resolveOpen = (schedules: ScheduleStore, args: ConnectionArgs, scope: OpenScope) =>
  resolvePage<Schedule, OpenScheduleCursor>({
    args,
    cursorOf: (schedule) => encodeCursor('open-schedule', `${dueAtOf(schedule).getTime()}:${schedule.id}`),
    parse: parseCursor,
    list: (slice) => schedules.listOpen(scope, slice),
    count: () => schedules.countOpen(scope),
  });

const description = (whose: string) =>
  `What can still become due ${whose}: pending schedules, and failed ones with a retry due. Soonest due first.`;

builder.objectField(FlagRef, 'openSchedules', (t) =>
  t.connection(
    {
      type: ScheduleRef,
      description: description('for the flag, in any environment'),
      ...indexedTotal,
      resolve: ({ id }, args, { app }) => resolveOpen(app.schedules, args, { flagId: id }),
    },
    ScheduleConnection,
    ScheduleEdge,
  ),
);

builder.objectField(FlagRef, 'cancelledByDeletion', (t) =>
  t.field({
    type: [ScheduleRef],
    description:
      'In the answer of `deleteFlag`: the schedules that it has just cancelled, by the instant for which they were scheduled, at most 100 of them. Empty for a flag that exists.',
    extensions: { maxItems: 100 },
    resolve: ({ cancelledByDeletion = [] }) => cancelledByDeletion.slice(0, 100),
  }),
);

builder.objectField(FlagStateType, 'openSchedules', (t) =>
  t.connection(
    {
      type: ScheduleRef,
      description: description("for this state: those of its environment, and those of any that set the flag's status"),
      ...indexedTotal,
      resolve: ({ flagId, environment }, args, { app }) => resolveOpen(app.schedules, args, { flagId, environment }),
    },
    ScheduleConnection,
    ScheduleEdge,
  ),
);

builder.objectField(EnvironmentType, 'openSchedules', (t) =>
  t.connection(
    {
      type: ScheduleRef,
      description: description('in this environment, for any flag'),
      resolve: ({ key }, args, { app }) => resolveOpen(app.schedules, args, { environment: key }),
    },
    ScheduleConnection,
    ScheduleEdge,
  ),
);
