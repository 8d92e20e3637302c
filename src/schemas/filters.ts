import { z } from 'zod';
import { actorTypes } from '../access/model/actor.ts';
import { auditResults } from '../audit/model/audit-event.ts';
import { auditEventTypeNames } from '../catalogue/event-types.ts';
import { flagStatuses } from '../flags/model/flag-status.ts';
import { flagTypes } from '../flags/model/flag-type.ts';
import { filterList } from '../kernel/filter-list.ts';
import { instant } from '../kernel/instant.ts';
import { isStorableText } from '../kernel/text.ts';
import { scheduleFilterSchema } from '../schedules/model/schedule-filter.ts';

// The filters of the API's lists and subscriptions, under their GraphQL names. An absent or null field does not restrict.

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
