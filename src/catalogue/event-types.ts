import type { z } from 'zod';
import { apiKeyEventTypes } from '../api-keys/model/api-key-event-types.ts';
import { applicationEventTypes } from '../applications/model/event-types.ts';
import { ownEventTypes } from '../audit/model/own-event-types.ts';
import { environmentEventTypes } from '../environments/model/environment-event-types.ts';
import { flagEventTypes } from '../flags/model/flag-event-types.ts';
import { scheduleEventTypes } from '../schedules/model/schedule-event-types.ts';

// All event types that Flagtrail records. Each wing declares its own; the event reference lists them in this order.

const eventTypes = {
  ...scheduleEventTypes,
  ...flagEventTypes,
  ...environmentEventTypes,
  ...apiKeyEventTypes,
  ...applicationEventTypes,
  ...ownEventTypes,
};

export type AuditEventType = keyof typeof eventTypes;
export const auditEventTypes = Object.keys(eventTypes) as AuditEventType[];

type MetadataSchemas = { readonly [Type in AuditEventType]: (typeof eventTypes)[Type]['metadata'] };
export type EventMetadata<Type extends AuditEventType> = z.infer<MetadataSchemas[Type]>;

/** The metadata schema of each event type, by wire name. */
export const metadataSchemas = Object.fromEntries(
  auditEventTypes.map((type) => [type, eventTypes[type].metadata]),
) as MetadataSchemas;

/** One sentence about each event type, for people. */
export const eventDescriptions = Object.fromEntries(
  auditEventTypes.map((type) => [type, eventTypes[type].description]),
) as Record<AuditEventType, string>;

/** The name of an event type in GraphQL's enum, for example FLAG_SCHEDULE_CREATED for `flag_schedule.created`. */
export type AuditEventTypeName = TypeName<AuditEventType>;
type TypeName<Type extends string> = Type extends `${infer Resource}.${infer Action}`
  ? `${Uppercase<Resource>}_${Uppercase<Action>}`
  : never;

/** The name of an event type in GraphQL. */
export const toTypeName = (type: AuditEventType): AuditEventTypeName =>
  type.toUpperCase().replaceAll('.', '_') as AuditEventTypeName;

export const auditEventTypeNames = auditEventTypes.map(toTypeName);
