import { z } from 'zod';
import { actorTypes } from '../domain/access/actor.ts';
import { auditResults } from '../domain/audit/audit-event.ts';
import { auditEventTypeNames } from '../domain/audit/event-metadata.ts';
import { filterList } from '../domain/filter-list.ts';
import { flagStatuses, flagTypes } from '../domain/flags/flag.ts';
import { instant } from '../domain/instant.ts';
import { scheduleFilterSchema } from '../domain/schedules/schedule-filter.ts';
import { isStorableText } from '../domain/text.ts';

// The filters of the API's lists and subscriptions, under their GraphQL names. An absent field, or null, does not restrict.

const text = z.string().refine(isStorableText, 'must not contain NUL or a lone surrogate');

export const flagStateFilter = z.object({
  environment: text.default('production'),
  enabled: z.boolean().nullish(),
  minRollout: z.int32().nullish(),
  maxRollout: z.int32().nullish(),
  hasExperiment: z.boolean().nullish(),
});
export type FlagStateFilter = z.input<typeof flagStateFilter>;

export const flagFilter = z.object({
  search: text.nullish(),
  type: z.enum(flagTypes).nullish(),
  statuses: filterList(z.enum(flagStatuses), 'statuses').nullish(),
  tags: z.array(text).nullish(),
  state: flagStateFilter.nullish(),
  hasEmergency: z.boolean().nullish(),
  hasOpenSchedules: z.boolean().nullish(),
});
export type FlagFilter = z.input<typeof flagFilter>;

export const scheduleFilter = scheduleFilterSchema;
export type ScheduleFilter = z.input<typeof scheduleFilter>;

export const auditEventFilter = z.object({
  flagKey: text.nullish(),
  types: filterList(z.enum(auditEventTypeNames), 'types').nullish(),
  actorId: text.nullish(),
  actorType: z.enum(actorTypes).nullish(),
  resourceType: text.nullish(),
  resourceId: text.nullish(),
  scheduleId: z.uuid('must be a UUID').nullish(),
  environment: text.nullish(),
  workspaceId: text.nullish(),
  requestId: text.nullish(),
  apiKeyId: z.uuid('must be a UUID').nullish(),
  ipAddress: text.nullish(),
  result: z.enum(auditResults).nullish(),
  from: instant.nullish(),
  to: instant.nullish(),
});
export type AuditEventFilter = z.input<typeof auditEventFilter>;
