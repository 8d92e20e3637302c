import { z } from 'zod';
import { eventEnvelopeSchema, wireEnvelopeSchema } from '../audit/model/audit-event.ts';
import { auditEventTypes } from './event-types.ts';

// Events for frontends and readers of exports, limited to the types in the catalogue.

const eventType = z.enum(auditEventTypes);

/** An event as it is stored and hashed: every field is present, absent values are null, instants are RFC 3339 in UTC. */
export const auditEventSchema = eventEnvelopeSchema.extend({ eventType });
export type AuditEvent = z.infer<typeof auditEventSchema>;

/** An event as sinks and exports write it. */
export const wireEventSchema = wireEnvelopeSchema.extend({ eventType });
export type WireEvent = z.infer<typeof wireEventSchema>;
