import { type Command, InvalidArgumentError, Option } from 'commander';
import { z } from 'zod';
import { actorTypes } from '../access/model/actor.ts';
import { auditResults } from '../audit/model/audit-event.ts';
import type { AuditEventFilter } from '../audit/model/audit-filter.ts';
import { type AuditEventType, auditEventTypes } from '../catalogue/event-types.ts';
import { parseInstant } from '../kernel/instant.ts';

/** Adds one option for each field of the API's event filter. */
export const addEventFilterOptions = (command: Command): Command =>
  command
    .option('--flag-key <key>', 'about this flag', parseText)
    .option('--type <type>', 'of this type, such as flag_schedule.applied; repeat it for several types', parseType)
    .option('--actor-id <id>', 'by this actor', parseText)
    .addOption(oneOf('--actor-type <type>', 'by actors of this type', actorTypes))
    .option('--resource-type <type>', 'about a resource of this type, such as flag_schedule', parseText)
    .option('--resource-id <id>', 'about the resource with this id', parseText)
    .option('--schedule-id <id>', 'about this schedule', parseUuid)
    .option('--environment <key>', 'in this environment', parseText)
    .option('--workspace-id <id>', 'in this workspace', parseText)
    .option('--request-id <id>', 'caused by the request with this id', parseText)
    .option('--api-key-id <id>', 'made with this API key; misses events from before this option existed', parseUuid)
    .option('--ip-address <address>', 'made from this IP address; misses events from before this option existed', parseText)
    .addOption(oneOf('--result <result>', 'with this result', auditResults))
    .option('--from <instant>', 'at this instant or later, such as 2026-11-01T00:00:00Z', parseDate)
    .option('--to <instant>', 'before this instant', parseDate);

/** Turns the options into the API's filter, whose names differ in places. */
export const toEventFilter = ({ type, ...options }: Omit<AuditEventFilter, 'types'> & { type?: AuditEventType[] }) => {
  const { flagKey, actorId, actorType, resourceType, resourceId, scheduleId, environment } = options;
  const { workspaceId, requestId, apiKeyId, ipAddress, result, from, to } = options;
  const filter = { flagKey, actorId, actorType, resourceType, resourceId, scheduleId, environment };
  return { ...filter, workspaceId, requestId, apiKeyId, ipAddress, result, from, to, types: type } satisfies AuditEventFilter;
};

const allowed = (what: string) => new InvalidArgumentError(`allowed: ${what}`);

const parseText = (text: string): string => {
  if (text === '') throw allowed('text that is not empty');
  return text;
};

const parseType = (text: string, before: AuditEventType[] = []): AuditEventType[] => {
  const type = auditEventTypes.find((known) => known === text);
  if (!type) throw allowed(auditEventTypes.join(', '));
  return [...before, type];
};

const parseUuid = (text: string): string => {
  if (!z.uuid().safeParse(text).success) throw allowed('a UUID');
  return text;
};

const parseDate = (text: string): Date => {
  const instant = parseInstant(text);
  if (!instant) throw allowed('RFC 3339 with an offset, like 2026-11-20T09:00:00Z');
  return instant;
};

const oneOf = (flags: string, description: string, values: readonly string[]): Option =>
  new Option(flags, `${description}: ${values.join(', ')}`).argParser((text: string) => {
    const value = values.find((known) => known === text.toUpperCase());
    if (!value) throw allowed(values.join(', '));
    return value;
  });
