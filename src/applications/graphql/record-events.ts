import { AuditResult } from '../../audit/graphql/audit-result.ts';
import { builder } from '../../graphql/builder.ts';
import { inputOf } from '../../graphql/input-of.ts';
import { mutation } from '../../graphql/mutation.ts';
import { ValidationIssueType } from '../../graphql/types/error-types.ts';
import type { makeRecordAuditEvents, RecordedAuditEvent } from '../commands/record-audit-events.ts';
import { auditEventInputSchema, maxRecordedEvents, recordAuditEventsSchema } from '../model/event-input.ts';

declare module '../../graphql/app.ts' {
  interface GraphQLApp {
    recordAuditEvents: ReturnType<typeof makeRecordAuditEvents>;
  }
}

const AuditEventInput = inputOf('AuditEventInput', {
  description: 'An event that happened in another application. Null means the same as absent.',
  schema: auditEventInputSchema,
  types: { result: AuditResult },
});

const RecordAuditEventsInput = builder.inputType('RecordAuditEventsInput', {
  description: 'Events of another application.',
  fields: (t) => ({
    events: t.field({
      type: [AuditEventInput],
      required: true,
      description: `The events: 1–${maxRecordedEvents}, with at most 2 MiB of JSON in all.`,
    }),
  }),
});

const RecordedAuditEventStatus = builder.enumType('RecordedAuditEventStatus', {
  description: 'What became of an event that was sent.',
  values: {
    RECORDED: { description: 'It is stored, and will be in the log within a second.' },
    DUPLICATE: { description: 'This sender has already recorded an event with that id and type. Nothing was stored.' },
    REFUSED: {
      description:
        'It was not stored, because it has invalid values or the id of another event: `issues` says which. It would be refused again if you sent it again.',
    },
  } as const,
});

const RecordedAuditEventType = builder.objectRef<RecordedAuditEvent>('RecordedAuditEvent').implement({
  description: 'What became of one event.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Its id as it was sent. If that is not a UUID, its first 100 characters.' }),
    status: t.field({
      type: RecordedAuditEventStatus,
      description: 'Whether it was recorded, and if not, why.',
      resolve: ({ status }) => status,
    }),
    issues: t.field({
      type: [ValidationIssueType],
      description: 'Every invalid value, with its path within the event; empty unless the event was refused.',
      extensions: { maxItems: 20 },
      resolve: ({ issues }) => issues,
    }),
  }),
});

const countOf = (results: readonly RecordedAuditEvent[], wanted: RecordedAuditEvent['status']): number =>
  results.filter(({ status }) => status === wanted).length;

const RecordAuditEventsPayload = builder.objectRef<RecordedAuditEvent[]>('RecordAuditEventsPayload').implement({
  description: 'What became of each event.',
  fields: (t) => ({
    recorded: t.int({ description: 'How many were recorded.', resolve: (results) => countOf(results, 'RECORDED') }),
    duplicates: t.int({ description: 'How many were already recorded.', resolve: (results) => countOf(results, 'DUPLICATE') }),
    refused: t.int({ description: 'How many were refused.', resolve: (results) => countOf(results, 'REFUSED') }),
    results: t.field({
      type: [RecordedAuditEventType],
      description: 'One result for each event, in the order in which the events were sent.',
      extensions: { maxItems: maxRecordedEvents },
      resolve: (results) => results,
    }),
  }),
});

mutation('recordAuditEvents', {
  type: RecordAuditEventsPayload,
  description:
    'Records events of another application. Each event is checked by itself: if one is refused, the others are still recorded. It is safe to send events again, because each id is recorded only once.',
  input: { type: RecordAuditEventsInput, schema: recordAuditEventsSchema, description: 'The events.' },
  role: 'AUDIT_WRITER',
  run: ({ app, caller }, input) => app.recordAuditEvents(caller, input),
});
