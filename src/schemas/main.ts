// `flagtrail/schemas`: validation and types for frontends. Nothing here needs Node.

export { type AuditEvent, auditEventSchema, type WireEvent, wireEventSchema } from '../catalogue/audit-event.ts';
export {
  type AuditEventType,
  type AuditEventTypeName,
  auditEventTypeNames,
  auditEventTypes,
  type EventMetadata,
  eventDescriptions,
  metadataSchemas,
  toTypeName,
} from '../catalogue/event-types.ts';
export * from './filters.ts';
export { type Flag, type FlagState, flagSchema, flagStateSchema } from './flag.ts';
export * from './inputs.ts';
export { type Schedule, scheduleSchema } from './schedule.ts';
