import { AuditResult } from '../../audit/graphql/audit-result.ts';
import { builder } from '../../graphql/builder.ts';
import { mutation } from '../../graphql/mutation.ts';
import { ValidationIssueType } from '../../graphql/types/error-types.ts';
import type { RecordedAuditEvent } from '../commands/record-audit-events.ts';
import { maxRecordedEvents, recordAuditEventsSchema } from '../model/event-input.ts';
import { applicationEventAliases, applicationEventTypeNames } from '../model/event-types.ts';

const anyJson = 'Any JSON, nested at most 32 levels deep. details, previousValue and newValue take at most 64 KiB together.';
const identifier = 'At most 255 characters.';
const remark = (max: number) => `What is beyond ${max} characters is cut off.`;

const AuditEventInput = builder.inputType('AuditEventInput', {
  description: 'Something that happened in another application. Null says the same as absent.',
  fields: (t) => ({
    id: t.id({ required: true, description: 'A UUID that the sender gives: the same one again is recorded once.' }),
    type: t.string({
      description: `What happened: ${applicationEventTypeNames.join(', ')}; or by a short name: ${Object.keys(applicationEventAliases).join(', ')}; or audit.loss, for events that were lost before they were sent, with details { count, reason, since, until } and no user: the sender lost them. Absent: action must be one of these names.`,
    }),
    occurredAt: t.field({
      type: 'DateTime',
      description: 'When it happened: not before the year 2000, at most five minutes ahead. Absent: now.',
    }),
    userId: t.string({ description: `Who did it. ${identifier} Absent, with no name and no email either: the sender itself.` }),
    userName: t.string({ description: `Their name. ${remark(255)}` }),
    userEmail: t.string({ description: `Their address. ${remark(320)}` }),
    workspaceId: t.string({ description: `The workspace (tenant, organisation) concerned. ${identifier}` }),
    environment: t.string({
      description: "The environment concerned: at most 64 characters. Absent: the service's default environment.",
    }),
    ipAddress: t.string({ description: `The address that the person came from. ${remark(255)}` }),
    userAgent: t.string({ description: `What the person's client calls itself. ${remark(512)}` }),
    sessionId: t.string({ description: `The person's session. ${identifier}` }),
    requestId: t.string({ description: `The application's request. ${identifier}` }),
    action: t.string({
      description: `What was done, in the application's own words. Without a type: one of the names that a type has. ${identifier}`,
    }),
    resource: t.string({ description: `What kind of thing it was done to. ${identifier}` }),
    resourceId: t.string({ description: `Which one. ${identifier}` }),
    details: t.field({ type: 'JSON', description: `Whatever else there is to say. ${anyJson}` }),
    previousValue: t.field({ type: 'JSON', description: `What it was before. ${anyJson}` }),
    newValue: t.field({ type: 'JSON', description: `What it is now. ${anyJson}` }),
    result: t.field({ type: AuditResult, defaultValue: 'SUCCESS', description: 'How it ended.' }),
    errorMessage: t.string({ description: `Why it failed or was denied. ${remark(2000)}` }),
  }),
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
    DUPLICATE: { description: 'This sender has recorded an event of that id and type before: nothing was done.' },
    REFUSED: {
      description:
        'It has values that cannot be used, or the id of another event, and was not stored: `issues` says which. Sent again it is refused again.',
    },
  } as const,
});

const RecordedAuditEventType = builder.objectRef<RecordedAuditEvent>('RecordedAuditEvent').implement({
  description: 'What became of one event.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Its id, as it was sent; of what is no UUID, the first 100 characters.' }),
    status: t.field({ type: RecordedAuditEventStatus, description: 'What became of it.', resolve: ({ status }) => status }),
    issues: t.field({
      type: [ValidationIssueType],
      description: 'Every value that is wrong, with its path below the event; none where it was not refused.',
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
    duplicates: t.int({ description: 'How many had been recorded before.', resolve: (results) => countOf(results, 'DUPLICATE') }),
    refused: t.int({ description: 'How many were refused.', resolve: (results) => countOf(results, 'REFUSED') }),
    results: t.field({
      type: [RecordedAuditEventType],
      description: 'One for each event, in the order in which they were sent.',
      extensions: { maxItems: maxRecordedEvents },
      resolve: (results) => results,
    }),
  }),
});

mutation('recordAuditEvents', {
  type: RecordAuditEventsPayload,
  description:
    'Records events of another application. Each stands for itself: one that is refused holds up no other. Safe to repeat: an id is recorded once.',
  input: { type: RecordAuditEventsInput, schema: recordAuditEventsSchema, description: 'The events.' },
  role: 'AUDIT_WRITER',
  run: ({ app, caller }, input) => app.recordAuditEvents(caller, input),
});
