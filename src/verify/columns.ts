import { isObject, type Json, type LogEvent } from './event.ts';
import { Tampered } from './outcome.ts';

/** The columns beside an entry, by which queries find it: copies of what it says, which nothing else protects. */
export type Columns = { [column: string]: unknown };

type Field = readonly [column: string, ...path: string[]];
const fields: readonly Field[] = [
  ['id', 'id'],
  ['occurred_at', 'timestamp'],
  ['event_type', 'eventType'],
  ['actor_type', 'actor', 'type'],
  ['actor_id', 'actor', 'id'],
  ['flag_key', 'flagKey'],
  ['schedule_id', 'scheduleId'],
  ['environment', 'environment'],
  ['workspace_id', 'workspaceId'],
  ['resource_type', 'resource', 'type'],
  ['resource_id', 'resource', 'id'],
  ['request_id', 'requestContext', 'requestId'],
  ['api_key_id', 'requestContext', 'apiKeyId'],
  ['result', 'result'],
  ['all_environments', 'allEnvironments'],
];
/** Entries that are older than these columns have null there, because the log refuses to be changed. */
const younger = new Set(['api_key_id']);

/** How many columns are compared for each entry. */
export const columnsCompared = fields.length + 2;

/**
 * Compares the columns with the event. Throws Tampered. `filled` is the same for all events of a log, in their order: the younger
 * columns that it had by then. Returns whether a copy of something was forgotten, as an erasure does it.
 */
export const checkColumns = (event: LogEvent, columns: Columns, filled: Set<string>): { isForgotten: boolean } => {
  for (const [column, ...path] of fields) {
    if (isOlderThan(column, event, columns, filled)) continue;
    compare(event, columns, column, at(event.fields, path) ?? initialOf(column));
  }
  return { isForgotten: checkAddress(event, columns, filled) };
};

const isOlderThan = (column: string, { isOldForm }: LogEvent, columns: Columns, filled: Set<string>): boolean => {
  if (!younger.has(column)) return false;
  if ((columns[column] ?? null) !== null) filled.add(column);
  return isOldForm && !filled.has(column);
};

/** The address stands beside the disclosures, where it can be forgotten. Older entries may have it beside themselves as well. */
const checkAddress = (event: LogEvent, columns: Columns, filled: Set<string>): boolean => {
  const said = at(event.fields, ['requestContext', 'ipAddress']) ?? null;
  const beside = columns.ip_address ?? null;
  if (beside !== null) filled.add('ip_address');
  // Newer releases keep it beside the disclosures alone, also where the entry is of the older form.
  if (!event.isOldForm || beside !== null) compare(event, columns, 'ip_address', event.isOldForm ? said : null);
  if (event.isOldForm && (columns.disclosed_ip ?? null) === null) return said !== null && filled.has('ip_address');
  compare(event, { 'audit_disclosures.ip_address': columns.disclosed_ip }, 'audit_disclosures.ip_address', said);
  return false;
};

const initialOf = (column: string): Json => (column === 'all_environments' ? false : null);

const at = (fields: Json, path: readonly string[]): Json | undefined => {
  let value: Json | undefined = fields;
  for (const name of path) value = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  return value;
};

const compare = ({ position }: LogEvent, columns: Columns, column: string, said: Json): void => {
  const stored = columns[column] ?? null;
  if (isSame(column, stored, said)) return;
  throw new Tampered(
    'column',
    position,
    `The column ${column} at position ${position} says ${quote(stored)}, but the entry says ${quote(said)}: queries show something else than what was recorded.`,
  );
};

const isSame = (column: string, stored: unknown, said: Json): boolean => {
  if (stored === said) return true;
  if (stored instanceof Date) return typeof said === 'string' && Math.abs(stored.getTime() - Date.parse(said)) < 1;
  // PostgreSQL writes UUIDs in small letters.
  const isUuid = column === 'id' || column === 'schedule_id';
  return isUuid && typeof stored === 'string' && typeof said === 'string' && stored.toLowerCase() === said.toLowerCase();
};

const longest = 80;
/** A value as a finding quotes it. */
export const quote = (value: unknown): string => {
  const isInstant = value instanceof Date && !Number.isNaN(value.getTime());
  const text = isInstant ? value.toISOString() : (JSON.stringify(value) ?? 'nothing');
  return text.length > longest ? `${text.slice(0, longest).toWellFormed()}…` : text;
};
