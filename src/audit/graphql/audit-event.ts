import type { RequestContext } from '../../access/model/actor.ts';
import { builder } from '../../graphql/builder.ts';
import { encodeCursor } from '../../graphql/connection.ts';
import { ActorRef } from '../../graphql/types/viewer.ts';
import type { Json } from '../../kernel/json.ts';
import type { LogEntry } from '../model/audit-event.ts';
import type { FieldChange } from '../model/changes.ts';
import { AuditResult } from './audit-result.ts';

const AuditResource = builder.objectRef<{ type: string; id: string }>('AuditResource').implement({
  description: 'What an action was done to.',
  fields: (t) => ({
    type: t.exposeString('type', { description: 'What kind of thing, for example flag or flag_schedule.' }),
    id: t.exposeString('id', { description: 'Its id.' }),
  }),
});

/** These hold 64 KiB each where other applications say so: a full page of them is 40 MB, and must not be asked for twice. */
const heavy = { extensions: { weight: 90 } };
/** Both values of a change: the names of what changed are light. */
const halfAsHeavy = { extensions: { weight: 45 } };

const FieldChangeType = builder.objectRef<FieldChange>('FieldChange').implement({
  description: 'One field that an action changed.',
  fields: (t) => ({
    field: t.exposeString('field', { description: "The field's name." }),
    previousValue: t.field({
      type: 'JSON',
      nullable: true,
      description: 'Before; null where there was none.',
      ...halfAsHeavy,
      resolve: (c) => c.previousValue,
    }),
    newValue: t.field({
      type: 'JSON',
      nullable: true,
      description: 'After; null where there is none.',
      ...halfAsHeavy,
      resolve: (c) => c.newValue,
    }),
  }),
});

const RequestContextType = builder.objectRef<RequestContext>('RequestContext').implement({
  description: 'Where a request came from, as far as it is known.',
  fields: (t) => ({
    ipAddress: t.exposeString('ipAddress', { nullable: true, description: 'The address that connected.' }),
    userAgent: t.exposeString('userAgent', { nullable: true, description: 'What the client calls itself.' }),
    requestId: t.exposeString('requestId', {
      nullable: true,
      description: 'Also in the response header X-Request-Id and in the service log.',
    }),
    sessionId: t.exposeString('sessionId', { nullable: true, description: "The token's session (claim `sid`)." }),
    apiKeyId: t.exposeString('apiKeyId', { nullable: true, description: 'The API key that was used.' }),
  }),
});

export const toEventCursor = (position: number) => encodeCursor('event', String(position));

export const AuditEventRef = builder.objectRef<LogEntry>('AuditEvent').implement({
  description: 'Something that somebody did, as the append-only log has it.',
  fields: (t) => ({
    id: t.id({ description: 'A UUID (version 7).', resolve: ({ event }) => event.id }),
    position: t.field({
      type: 'SafeInt',
      description: 'Its place in the log: 1, 2, 3 … without gaps.',
      resolve: ({ position }) => position,
    }),
    cursor: t.string({
      description: 'Its place as a cursor: what `after` of the subscription and of auditEvents takes.',
      resolve: ({ position }) => toEventCursor(position),
    }),
    type: t.field({ type: 'AuditEventType', description: 'What happened.', resolve: ({ event }) => event.eventType }),
    eventType: t.string({
      description: 'The same as a wire name, for example flag_schedule.created.',
      resolve: ({ event }) => event.eventType,
    }),
    occurredAt: t.field({
      type: 'DateTime',
      description: 'When it happened.',
      resolve: ({ event }) => new Date(event.timestamp),
    }),
    actor: t.field({ type: ActorRef, description: 'Who did it.', resolve: ({ event }) => event.actor }),
    resource: t.field({
      type: AuditResource,
      nullable: true,
      description: 'What it was done to.',
      resolve: ({ event }) => event.resource,
    }),
    flagKey: t.string({ nullable: true, description: 'The flag concerned.', resolve: ({ event }) => event.flagKey }),
    scheduleId: t.id({ nullable: true, description: 'The schedule concerned.', resolve: ({ event }) => event.scheduleId }),
    environment: t.string({
      description: "The flag environment concerned, else the service's own default environment.",
      resolve: ({ event }) => event.environment,
    }),
    allEnvironments: t.boolean({
      description:
        "Whether it concerns every environment, whichever `environment` names: a flag's status was changed, or a schedule is to change it.",
      resolve: ({ event }) => event.allEnvironments ?? false,
    }),
    workspaceId: t.string({ nullable: true, description: 'The workspace concerned.', resolve: ({ event }) => event.workspaceId }),
    previousState: t.field({
      type: 'JSON',
      nullable: true,
      description: 'What it was done to, before.',
      ...heavy,
      resolve: ({ event }) => event.previousState,
    }),
    newState: t.field({
      type: 'JSON',
      nullable: true,
      description: 'What it was done to, after.',
      ...heavy,
      resolve: ({ event }) => event.newState,
    }),
    changes: t.field({
      type: [FieldChangeType],
      description: 'The fields that differ between the two.',
      resolve: ({ event }) => event.changes,
    }),
    description: t.string({ description: 'What happened, in plain English.', resolve: ({ event }) => event.description }),
    metadata: t.field({
      type: 'JSON',
      description: 'What this type of event says beside; see the event reference.',
      ...heavy,
      // As the log has it: a copy for each alias would be dear.
      resolve: ({ event }) => event.metadata as Json,
    }),
    result: t.field({ type: AuditResult, description: 'How it ended.', resolve: ({ event }) => event.result }),
    errorMessage: t.string({
      nullable: true,
      description: 'Why it failed or was denied.',
      resolve: ({ event }) => event.errorMessage,
    }),
    requestContext: t.field({
      type: RequestContextType,
      nullable: true,
      description: 'Where the request came from; null for what Flagtrail did by itself.',
      resolve: ({ event }) => event.requestContext,
    }),
  }),
});
