import type { RequestContext } from '../../access/model/actor.ts';
import { builder } from '../../graphql/builder.ts';
import { encodeCursor } from '../../graphql/connection.ts';
import { ActorRef } from '../../graphql/types/viewer.ts';
import type { Json } from '../../kernel/json.ts';
import type { LogEntry } from '../model/audit-event.ts';
import type { FieldChange } from '../model/changes.ts';
import { AuditResult } from './audit-result.ts';

const AuditResource = builder.objectRef<{ type: string; id: string }>('AuditResource').implement({
  description: 'What an event is about.',
  fields: (t) => ({
    type: t.exposeString('type', { description: 'Its type, for example flag or flag_schedule.' }),
    id: t.exposeString('id', { description: 'Its id.' }),
  }),
});

/**
 * Cost of a field that can hold 64 KiB from another application: a full page of them is 40 MB, and an operation can have only
 * one.
 */
const heavy = { extensions: { weight: 90 } };
/** Cost of each value of a change. The names of the changed fields cost little. */
const halfAsHeavy = { extensions: { weight: 45 } };

const FieldChangeType = builder.objectRef<FieldChange>('FieldChange').implement({
  description: 'One field that an action changed.',
  fields: (t) => ({
    field: t.exposeString('field', { description: "The field's name." }),
    previousValue: t.field({
      type: 'JSON',
      nullable: true,
      description: 'The value before; null if there was none.',
      ...halfAsHeavy,
      resolve: (c) => c.previousValue,
    }),
    newValue: t.field({
      type: 'JSON',
      nullable: true,
      description: 'The value after; null if there is none.',
      ...halfAsHeavy,
      resolve: (c) => c.newValue,
    }),
  }),
});

const RequestContextType = builder.objectRef<RequestContext>('RequestContext').implement({
  description: 'Where a request came from, as far as it is known.',
  fields: (t) => ({
    ipAddress: t.exposeString('ipAddress', { nullable: true, description: "The client's IP address." }),
    userAgent: t.exposeString('userAgent', { nullable: true, description: "The client's User-Agent." }),
    requestId: t.exposeString('requestId', {
      nullable: true,
      description: 'The id of the request, which is also in the response header X-Request-Id and in the service log.',
    }),
    sessionId: t.exposeString('sessionId', { nullable: true, description: "The token's session (claim `sid`)." }),
    apiKeyId: t.exposeString('apiKeyId', { nullable: true, description: 'The id of the API key that was used.' }),
  }),
});

export const toEventCursor = (position: number) => encodeCursor('event', String(position));

export const AuditEventRef = builder.objectRef<LogEntry>('AuditEvent').implement({
  description: 'An entry of the append-only audit log: who did what.',
  fields: (t) => ({
    id: t.id({ description: 'A UUID (version 7).', resolve: ({ event }) => event.id }),
    position: t.field({
      type: 'SafeInt',
      description: 'Its position in the log: 1, 2, 3 … without gaps.',
      resolve: ({ position }) => position,
    }),
    cursor: t.string({
      description: 'Its cursor: send it as `after` to the query or the subscription `auditEvents`.',
      resolve: ({ position }) => toEventCursor(position),
    }),
    leafHash: t.exposeString('leafHash', {
      description:
        'The hash by which the log proves this event: SHA-256(0x00 || entry) in base64, the leaf of a Merkle tree (RFC 6962).',
    }),
    type: t.field({ type: 'AuditEventType', description: 'What happened.', resolve: ({ event }) => event.eventType }),
    eventType: t.string({
      description: 'What happened, as exports and sinks write it, for example flag_schedule.created.',
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
      description: 'What the event is about.',
      resolve: ({ event }) => event.resource,
    }),
    flagKey: t.string({
      nullable: true,
      description: 'The key of the flag that it concerns.',
      resolve: ({ event }) => event.flagKey,
    }),
    scheduleId: t.id({
      nullable: true,
      description: 'The id of the schedule that it concerns.',
      resolve: ({ event }) => event.scheduleId,
    }),
    environment: t.string({
      description: "The environment that it concerns. If it concerns none, the service's DEFAULT_ENVIRONMENT.",
      resolve: ({ event }) => event.environment,
    }),
    allEnvironments: t.boolean({
      description:
        "Whether it concerns all environments, whatever `environment` says: it is about a change of a flag's status, or about a schedule of such a change.",
      resolve: ({ event }) => event.allEnvironments ?? false,
    }),
    workspaceId: t.string({
      nullable: true,
      description: 'The workspace that it concerns.',
      resolve: ({ event }) => event.workspaceId,
    }),
    previousState: t.field({
      type: 'JSON',
      nullable: true,
      description: 'The resource before the change.',
      ...heavy,
      resolve: ({ event }) => event.previousState,
    }),
    newState: t.field({
      type: 'JSON',
      nullable: true,
      description: 'The resource after the change.',
      ...heavy,
      resolve: ({ event }) => event.newState,
    }),
    changes: t.field({
      type: [FieldChangeType],
      description: 'The fields that differ between `previousState` and `newState`.',
      resolve: ({ event }) => event.changes,
    }),
    description: t.string({ description: 'What happened, in plain English.', resolve: ({ event }) => event.description }),
    metadata: t.field({
      type: 'JSON',
      description: 'Further fields, which depend on the type of event: see the event reference.',
      ...heavy,
      // Not copied: a copy for each alias would be expensive.
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
      description: 'Where the request came from; null if Flagtrail acted by itself.',
      resolve: ({ event }) => event.requestContext,
    }),
  }),
});
