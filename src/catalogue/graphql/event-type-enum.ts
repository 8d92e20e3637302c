import { builder } from '../../graphql/builder.ts';
import { type AuditEventType, auditEventTypes, eventDescriptions, toTypeName } from '../event-types.ts';

// Fields name this enum as `type: 'AuditEventType'`: the wings below must not import the catalogue.
builder.enumType('AuditEventType', {
  description:
    'The types of events. `eventType` of an event has the same name as text, for example flag_schedule.created for FLAG_SCHEDULE_CREATED.',
  values: Object.fromEntries(
    auditEventTypes.map((type) => [toTypeName(type), { value: type, description: eventDescriptions[type] }]),
  ) as Record<string, { value: AuditEventType; description: string }>,
});
