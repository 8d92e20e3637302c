import type { ActorType } from '../../access/model/actor.ts';
import type { AuditEvent, AuditResult } from './audit-event.ts';

/** Which events a query or a subscription wants; absent fields do not restrict. */
export type AuditEventFilter = {
  flagKey?: string | null;
  types?: readonly string[] | null;
  actorId?: string | null;
  actorType?: ActorType | null;
  resourceType?: string | null;
  resourceId?: string | null;
  scheduleId?: string | null;
  /** In this environment, or in all of them. */
  environment?: string | null;
  workspaceId?: string | null;
  requestId?: string | null;
  apiKeyId?: string | null;
  ipAddress?: string | null;
  result?: AuditResult | null;
  /** Occurred at or after. */
  from?: Date | null;
  /** Occurred before. */
  to?: Date | null;
};

/** The same judgement as the log's WHERE clause, for events that are already in memory. */
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
