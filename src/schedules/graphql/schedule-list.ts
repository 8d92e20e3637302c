import { z } from 'zod';
import { FlagRef } from '../../flags/graphql/flag.ts';
import { builder, indexedTotal, requires } from '../../graphql/builder.ts';
import { type ConnectionArgs, decodeCursor, encodeCursor, notACursor, resolvePage } from '../../graphql/connection.ts';
import { badUserInput } from '../../graphql/errors.ts';
import { isInstant } from '../../kernel/instant.ts';
import type { ScheduleCursor, ScheduleStore } from '../commands/schedule-store.ts';
import type { Schedule } from '../model/schedule.ts';
import {
  readScheduleOrder,
  type ScheduleFilter,
  type ScheduleOrder as ScheduleOrderName,
  scheduleFilterSchema,
} from '../model/schedule-filter.ts';
import { ScheduleRef } from './schedule.ts';
import { ScheduleOrder, ScheduleStatus } from './schedule-enums.ts';

export const ScheduleFilterInput = builder.inputType('ScheduleFilter', {
  description: 'Conditions on schedules. A schedule must meet all that are given.',
  fields: (t) => ({
    flagKey: t.string({ description: 'Of this flag.' }),
    flagKeys: t.stringList({ description: 'Of any of these flags: up to 100 keys.' }),
    environment: t.string({ description: 'In this environment.' }),
    statuses: t.field({ type: [ScheduleStatus], description: 'With any of these statuses: up to 1,000.' }),
    open: t.boolean({
      description: 'true: open schedules (PENDING, or FAILED with a retry to come). false: all others.',
    }),
    willRetry: t.boolean({ description: 'Only FAILED schedules. true: those with a retry to come. false: those without.' }),
    createdBy: t.string({ description: 'Created by this admin (userId).' }),
    cancelledBy: t.string({ description: 'Cancelled by this admin (userId).' }),
    from: t.field({ type: 'DateTime', description: 'Due at this instant or later.' }),
    to: t.field({ type: 'DateTime', description: 'Due before this instant.' }),
    createdFrom: t.field({ type: 'DateTime', description: 'Created at this instant or later.' }),
    createdTo: t.field({ type: 'DateTime', description: 'Created before this instant.' }),
    appliedFrom: t.field({ type: 'DateTime', description: 'Applied at this instant or later.' }),
    appliedTo: t.field({ type: 'DateTime', description: 'Applied before this instant.' }),
    search: t.string({
      description:
        "Part of the flag's key, the cancellation's reason or the error message, in upper or lower case: 2–100 characters.",
    }),
  }),
});

/** The arguments of every list of schedules, besides those of the page. */
const scheduleArgs = builder.args((t) => ({
  filter: t.field({
    type: ScheduleFilterInput,
    validate: { schema: scheduleFilterSchema },
    description: 'Only these schedules.',
  }),
  order: t.field({ type: ScheduleOrder, defaultValue: 'DUE_OLDEST_FIRST', description: 'The order.' }),
}));

export const ScheduleEdge = builder.edgeObject({ name: 'ScheduleEdge', description: 'A schedule in a list.', type: ScheduleRef });
export const ScheduleConnection = builder.connectionObject(
  { name: 'ScheduleConnection', description: 'A page of schedules.', type: ScheduleRef },
  ScheduleEdge,
);

const defaultOrder = 'DUE_OLDEST_FIRST';
/** A cursor names its order, except in the default order, whose cursors existed before there were others. */
const prefixOf = (order: ScheduleOrderName) => (order === defaultOrder ? '' : `${order}:`);

const toCursor = (order: ScheduleOrderName, { at, id }: ScheduleCursor) =>
  encodeCursor('schedule', `${prefixOf(order)}${at.getTime()}:${id}`);

const parseCursor = (order: ScheduleOrderName, cursor: string): ScheduleCursor => {
  const [, prefix = '', instant, id] = /^([A-Z_]+:)?(-?\d{1,15}):(.+)$/.exec(decodeCursor('schedule', cursor)) ?? [];
  const at = new Date(Number(instant));
  if (!z.uuid().safeParse(id).success || !isInstant(at)) throw notACursor(cursor);
  if (prefix !== prefixOf(order)) {
    const own = prefix ? prefix.slice(0, -1) : defaultOrder;
    throw badUserInput(
      `'${cursor.slice(0, 100)}' is a cursor of the order ${own}, not of ${order}: start again without a cursor`,
    );
  }
  return { at, id: id ?? '' };
};

type ScheduleArgs = ConnectionArgs & { filter?: ScheduleFilter | null; order?: ScheduleOrderName | null };

/** A page of schedules. `scope` restricts it, and overrides the filter. */
const resolveSchedules = (schedules: ScheduleStore, args: ScheduleArgs, scope: ScheduleFilter = {}) => {
  const order = args.order ?? defaultOrder;
  const { by, newestFirst } = readScheduleOrder(order);
  const filter = { ...args.filter, ...scope };
  return resolvePage<Schedule, ScheduleCursor>({
    args,
    cursorOf: (schedule) => toCursor(order, { at: schedule[by] ?? new Date(0), id: schedule.id }),
    parse: (cursor) => parseCursor(order, cursor),
    list: (slice) => schedules.list(filter, slice, by),
    count: () => schedules.count(filter, by),
    newestFirst,
  });
};

builder.queryFields((t) => ({
  schedule: t.field({
    type: ScheduleRef,
    nullable: true,
    description: 'One schedule; null if none has that id.',
    args: { id: t.arg.id({ required: true, validate: { schema: z.uuid('must be a UUID') }, description: "The schedule's id." }) },
    ...requires('AUDITOR'),
    resolve: (_root, { id }, { app }) => app.schedules.find(id),
  }),
  schedules: t.connection(
    {
      type: ScheduleRef,
      description: 'Scheduled changes, the earliest due first unless `order` says otherwise.',
      args: scheduleArgs,
      ...requires('AUDITOR'),
      resolve: (_root, args, { app }) => resolveSchedules(app.schedules, args),
    },
    ScheduleConnection,
    ScheduleEdge,
  ),
}));

builder.objectField(FlagRef, 'schedules', (t) =>
  t.connection(
    {
      type: ScheduleRef,
      description:
        'The schedules of this flag, open or not, the earliest due first unless `order` says otherwise. They include those of deleted flags with the same key.',
      ...indexedTotal,
      args: scheduleArgs,
      resolve: ({ key }, args, { app }) => resolveSchedules(app.schedules, args, { flagKey: key }),
    },
    ScheduleConnection,
    ScheduleEdge,
  ),
);
