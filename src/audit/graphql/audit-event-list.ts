import { z } from 'zod';
import { builder, requires } from '../../graphql/builder.ts';
import { type ConnectionArgs, decodeCursor, notACursor, resolvePage } from '../../graphql/connection.ts';
import { ActorType } from '../../graphql/types/access.ts';
import { filterList } from '../../kernel/filter-list.ts';
import type { LogEntry } from '../model/audit-event.ts';
import type { AuditEventFilter } from '../model/audit-filter.ts';
import { eventTypeSchema } from '../model/event-types.ts';
import type { AuditLog } from '../ports/audit-log.ts';
import { AuditEventRef, toEventCursor } from './audit-event.ts';
import { AuditOrder } from './audit-order.ts';
import { AuditResult } from './audit-result.ts';

const AuditEventFilterInput = builder.inputType('AuditEventFilter', {
  description: 'Conditions on events. An event must meet all that are given.',
  fields: (t) => ({
    flagKey: t.string({ description: 'About the flag with this key.' }),
    types: t.field({
      type: ['AuditEventType'],
      validate: { schema: filterList(eventTypeSchema, 'types') },
      description: 'Of any of these types: up to 1,000.',
    }),
    actorId: t.string({ description: 'By the actor with this id.' }),
    actorType: t.field({ type: ActorType, description: 'By actors of this kind.' }),
    resourceType: t.string({ description: 'About a resource of this type, for example flag_schedule.' }),
    resourceId: t.string({ description: 'About the resource with this id.' }),
    scheduleId: t.id({ validate: { schema: z.uuid('must be a UUID') }, description: 'About the schedule with this id.' }),
    environment: t.string({ description: 'About this environment, including events that concern all environments.' }),
    workspaceId: t.string({ description: 'About this workspace.' }),
    requestId: t.string({ description: 'Caused by the request with this id.' }),
    apiKeyId: t.id({
      validate: { schema: z.uuid('must be a UUID') },
      description: 'Caused with the API key with this id. Events that were recorded before this filter existed are not found.',
    }),
    ipAddress: t.string({
      description:
        'Caused from this IP address, written as in the event. Events that were recorded before this filter existed are not found.',
    }),
    result: t.field({ type: AuditResult, description: 'With this result.' }),
    from: t.field({ type: 'DateTime', description: 'Occurred at this instant or later.' }),
    to: t.field({ type: 'DateTime', description: 'Occurred before this instant.' }),
  }),
});

/** The arguments of every list of events, besides those of the page. */
export const auditEventArgs = builder.args((t) => ({
  filter: t.field({ type: AuditEventFilterInput, description: 'Only these events.' }),
  order: t.field({ type: AuditOrder, defaultValue: 'NEWEST_FIRST', description: 'The order, by position in the log.' }),
}));

export const AuditEventEdge = builder.edgeObject({
  name: 'AuditEventEdge',
  description: 'An event in a list.',
  type: AuditEventRef,
});
export const AuditEventConnection = builder.connectionObject(
  {
    name: 'AuditEventConnection',
    description: 'A page of events.',
    type: AuditEventRef,
  },
  AuditEventEdge,
);

const parseEventCursor = (cursor: string): number => {
  const position = decodeCursor('event', cursor);
  if (!/^(0|[1-9]\d{0,14})$/.test(position)) throw notACursor(cursor);
  return Number(position);
};

type EventArgs = ConnectionArgs & { filter?: AuditEventFilter | null; order?: 'NEWEST_FIRST' | 'OLDEST_FIRST' | null };

/** Writes UUIDs in lower case, as the log does, because live events are compared as text. */
const readFilter = ({ scheduleId, apiKeyId, ...filter }: AuditEventFilter = {}): AuditEventFilter => ({
  ...filter,
  ...(scheduleId != null && { scheduleId: scheduleId.toLowerCase() }),
  ...(apiKeyId != null && { apiKeyId: apiKeyId.toLowerCase() }),
});

/** A page of the log. `scope` restricts it, and overrides the filter. */
export const resolveEvents = (log: AuditLog, args: EventArgs, scope: AuditEventFilter = {}) => {
  const filter = { ...readFilter(args.filter ?? {}), ...scope };
  return resolvePage<LogEntry, number>({
    args,
    cursorOf: ({ position }) => toEventCursor(position),
    parse: parseEventCursor,
    list: (slice) => log.list(filter, slice),
    count: () => log.count(filter),
    newestFirst: args.order !== 'OLDEST_FIRST',
  });
};

builder.queryFields((t) => ({
  auditEvent: t.field({
    type: AuditEventRef,
    nullable: true,
    description: 'One event; null if none has that id.',
    args: { id: t.arg.id({ required: true, validate: { schema: z.uuid('must be a UUID') }, description: "The event's id." }) },
    ...requires('AUDITOR'),
    resolve: (_root, { id }, { app }) => app.log.find(id),
  }),
  auditEvents: t.connection(
    {
      type: AuditEventRef,
      description: 'The audit log: who did what, when and from where. An event appears within a second of its commit.',
      args: auditEventArgs,
      ...requires('AUDITOR'),
      resolve: (_root, args, { app }) => resolveEvents(app.log, args),
    },
    AuditEventConnection,
    AuditEventEdge,
  ),
}));

builder.subscriptionField('auditEvents', (t) =>
  t.field({
    type: AuditEventRef,
    description:
      'The audit log, live: each event once and in order. After a lost connection, send the `cursor` of the last event that you received as `after`. The events that you missed then come first.',
    args: {
      filter: t.arg({ type: AuditEventFilterInput, description: 'Only these events.' }),
      after: t.arg.string({ description: 'Resume after the event with this cursor. Without it, only new events are sent.' }),
    },
    ...requires('AUDITOR'),
    subscribe: async (_root, { filter, after }, { app }) => {
      const wanted = readFilter(filter ?? {});
      if (after == null) return app.follow({ filter: wanted });
      const position = parseEventCursor(after);
      if (position > (await app.log.size())) throw notACursor(after);
      return app.follow({ filter: wanted, after: position });
    },
    resolve: (entry) => entry,
  }),
);
