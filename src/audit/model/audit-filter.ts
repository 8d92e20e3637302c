import type { ActorType } from '../../access/model/actor.ts';
import type { AuditEvent, AuditResult } from './audit-event.ts';

/** Which events a query or a subscription wants. Absent fields do not restrict. */
export type AuditEventFilter = {
  flagKey?: string | null;
  types?: readonly string[] | null;
  actorId?: string | null;
  actorType?: ActorType | null;
  resourceType?: string | null;
  resourceId?: string | null;
  scheduleId?: string | null;
  /** Events of this environment, or of all environments. */
  environment?: string | null;
  workspaceId?: string | null;
  requestId?: string | null;
  apiKeyId?: string | null;
  ipAddress?: string | null;
  result?: AuditResult | null;
  /** Events that happened at or after this instant. */
  from?: Date | null;
  /** Events that happened before this instant. */
  to?: Date | null;
};

/** Applies the filter to an event in memory, exactly as the log's WHERE clause does. */
export const matchesFilter = (event: AuditEvent, filter: AuditEventFilter): boolean => {
  const occurredAt = Date.parse(event.timestamp);
  const wanted: [wanted: unknown, actual: unknown][] = [
    [filter.flagKey, event.flagKey],
    [filter.actorId, event.actor.id],
    [filter.actorType, event.actor.type],
    [filter.resourceType, event.resource?.type],
    [filter.resourceId, event.resource?.id],
    [filter.scheduleId, event.scheduleId],
    [filter.workspaceId, event.workspaceId],
    [filter.requestId, event.requestContext?.requestId],
    [filter.apiKeyId, event.requestContext?.apiKeyId],
    [filter.ipAddress, event.requestContext?.ipAddress],
    [filter.result, event.result],
  ];
  return (
    wanted.every(([value, actual]) => value == null || value === actual) &&
    (filter.environment == null || filter.environment === event.environment || event.allEnvironments) &&
    (!filter.types || filter.types.includes(event.eventType)) &&
    (!filter.from || occurredAt >= filter.from.getTime()) &&
    (!filter.to || occurredAt < filter.to.getTime())
  );
};
