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
  `The open schedules ${whose}: pending ones, and failed ones with a retry to come. Soonest due first.`;

builder.objectField(FlagRef, 'openSchedules', (t) =>
  t.connection(
    {
      type: ScheduleRef,
      description: description('of the flag, in all environments'),
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
      'The schedules that `deleteFlag` has just cancelled, ordered by `scheduledAt`: at most 100. Empty for a flag that exists.',
    extensions: { maxItems: 100 },
    resolve: ({ cancelledByDeletion = [] }) => cancelledByDeletion.slice(0, 100),
  }),
);

builder.objectField(FlagStateType, 'openSchedules', (t) =>
  t.connection(
    {
      type: ScheduleRef,
      description: description(
        "that change this state, which are those of its environment and those of any environment that set the flag's status",
      ),
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
      description: description('of this environment, for all flags'),
      resolve: ({ key }, args, { app }) => resolveOpen(app.schedules, args, { environment: key }),
    },
    ScheduleConnection,
    ScheduleEdge,
  ),
);
