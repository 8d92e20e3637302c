import canonicalize from 'canonicalize';
import { expect } from 'vitest';
import { digestOf } from '../../src/audit/entry/disclose.ts';
import { readEvent } from '../../src/audit/model/entry.ts';
import type { AuditEvent } from '../../src/catalogue/audit-event.ts';
import { metadataSchemas } from '../../src/catalogue/event-types.ts';
import type { TestDatabase } from './databases.ts';
import { leafHashOf } from './log-entries.ts';

// The tables, for tests that read them, or change them behind the application's back. Times are the database's.

type Tables = Pick<TestDatabase, 'sql'>;

/** The columns of a schedule's row that tests read. */
export type ScheduleRow = {
  id: string;
  flag_key: string;
  status: string;
  scheduled_at: Date;
  applied_at: Date | null;
  next_retry_at: Date | null;
  error_message: string | null;
  cancel_reason: string | null;
  retry_count: number;
  version: number;
};
const scheduleColumns =
  'id, flag_key, status, scheduled_at, applied_at, next_retry_at, error_message, cancel_reason, retry_count, version';

/** Every schedule, the latest first. */
export const readSchedules = ({ sql }: Tables): Promise<ScheduleRow[]> =>
  sql<ScheduleRow>(`SELECT ${scheduleColumns} FROM feature_flag_schedules ORDER BY scheduled_at DESC`);

export const readSchedule = async ({ sql }: Tables, id: string): Promise<ScheduleRow> => {
  const [row] = await sql<ScheduleRow>(`SELECT ${scheduleColumns} FROM feature_flag_schedules WHERE id = $1`, [id]);
  return row ?? expect.unreachable(`no schedule '${id}'`);
};

/** How many schedules there are: all, or those with a status. */
export const countSchedules = async ({ sql }: Tables, status: string | null = null): Promise<number> => {
  const counted = 'SELECT count(*)::int AS n FROM feature_flag_schedules WHERE $1::text IS NULL OR status::text = $1';
  return (await sql<{ n: number }>(counted, [status]))[0]?.n ?? expect.unreachable();
};

const scheduleColumnOf = {
  status: 'status',
  scheduledAt: 'scheduled_at',
  appliedAt: 'applied_at',
  nextRetryAt: 'next_retry_at',
  errorMessage: 'error_message',
  createdBy: 'created_by',
} as const;
type ScheduleChange = { [Column in keyof typeof scheduleColumnOf]?: Date | string | null };

/** Writes values into a schedule's row that the application would not write, or not yet. */
export const changeSchedule = async ({ sql }: Tables, id: string, change: ScheduleChange): Promise<void> => {
  const columns = Object.keys(change) as (keyof ScheduleChange)[];
  const assignments = columns.map((column, index) => `${scheduleColumnOf[column]} = $${index + 2}`);
  const values = columns.map((column) => change[column]);
  await sql(`UPDATE feature_flag_schedules SET ${assignments.join(', ')} WHERE id = $1`, [id, ...values]);
};

/** Gives a schedule other updates, even ones that the application refuses. */
export const setScheduleUpdates = async ({ sql }: Tables, id: string, updates: unknown): Promise<void> => {
  await sql('UPDATE feature_flag_schedules SET updates = $2::text::jsonb WHERE id = $1', [id, JSON.stringify(updates)]);
};

/** Makes a schedule, or all of them, due some time ago. */
export const makeDue = async ({ sql }: Tables, { id = null, ago = '1 second' }: { id?: string | null; ago?: string } = {}) => {
  const due = 'UPDATE feature_flag_schedules SET scheduled_at = now() - $1::text::interval WHERE $2::uuid IS NULL OR id = $2';
  await sql(due, [ago, id]);
};

/** Makes the next retry due: of the given schedules, or of all that have one. */
export const makeRetriesDue = async ({ sql }: Tables, ids: readonly string[] | null = null): Promise<void> => {
  const due = `UPDATE feature_flag_schedules SET next_retry_at = now() - interval '1 second'
    WHERE CASE WHEN $1::uuid[] IS NULL THEN next_retry_at IS NOT NULL ELSE id = ANY ($1) END`;
  await sql(due, [ids]);
};

/** Deletes a flag's row, which nobody can do through the application. */
export const deleteFlagRow = async ({ sql }: Tables, key: string): Promise<void> => {
  await sql('DELETE FROM feature_flags WHERE key = $1', [key]);
};

/** Enables or disables an environment, without an event. */
export const setEnvironmentEnabled = async ({ sql }: Tables, key: string, enabled: boolean): Promise<void> => {
  await sql('UPDATE environments SET enabled = $2 WHERE key = $1', [key, enabled]);
};

/** Hands entries to audit_emit, as a transaction does, but wakes nobody. */
export const emitEntries = async ({ sql }: Tables, entries: readonly string[]): Promise<void> => {
  await sql('SELECT audit_emit($1::text[])', [entries]);
};

/** How many events are on their way into the log. */
export const outboxSize = async ({ sql }: Tables): Promise<number> =>
  (await sql<{ n: number }>('SELECT count(*)::int AS n FROM audit_outbox'))[0]?.n ?? expect.unreachable();

/** Waits until everything that was written is in the log. */
export const untilOutboxIsEmpty = (db: Tables): Promise<void> => expect.poll(() => outboxSize(db)).toBe(0);

/** How many entries the log has, according to its head. */
export const logSize = async ({ sql }: Tables): Promise<number> =>
  Number((await sql<{ size: number }>('SELECT size FROM audit_head'))[0]?.size ?? expect.unreachable());

type EventRow = { entry: string; disclosures: string };
const selectEvents = `SELECT l.*, coalesce(d.disclosures, '') AS disclosures FROM audit_log l LEFT JOIN audit_disclosures d USING (position)`;
const toEvent = ({ entry, disclosures }: EventRow) => readEvent(entry, disclosures) as AuditEvent;

/** Lets the log grow to a size with the entries 'entry 1', 'entry 2' …, and the tree with it: faster than the sequencer. */
export const growLog = async ({ sql }: Tables, size: number): Promise<void> => {
  await sql(
    `INSERT INTO audit_log (position, id, sealed_at, occurred_at, event_type, actor_type, actor_id, environment, result, entry, leaf_hash)
     SELECT n, gen_random_uuid(), now(), now(), 'flag.created', 'USER', 'ada', 'production', 'SUCCESS', 'entry ' || n,
       sha256('\\x00'::bytea || convert_to('entry ' || n, 'UTF8'))
     FROM audit_head, generate_series(size + 1, $1::bigint) AS n`,
    [size],
  );
  await sql(
    `WITH grown AS MATERIALIZED (
       SELECT audit_grow_tree(size, edge, ARRAY(SELECT leaf_hash FROM audit_log WHERE position > size ORDER BY position)) AS edge
       FROM audit_head
     ) UPDATE audit_head SET size = $1, edge = grown.edge, root_hash = audit_root(grown.edge) FROM grown`,
    [size],
  );
};

/** The log's events of a type, in order, without checks. */
export const readEventsOfType = async ({ sql }: Tables, eventType: string): Promise<AuditEvent[]> => {
  const rows = await sql<EventRow>(`${selectEvents} WHERE event_type = $1 ORDER BY position`, [eventType]);
  return rows.map(toEvent);
};

/** Events that exist, wherever they are. One statement reads all places, so that no event counts twice while it moves. */
export const countEvents = async ({ sql }: Tables): Promise<number> => {
  const [row] = await sql<{ n: number }>(
    'SELECT ((SELECT count(*) FROM audit_outbox) + (SELECT count(*) FROM audit_log))::int AS n',
  );
  return row?.n ?? expect.unreachable();
};

type LogRow = EventRow & { position: number; leaf_hash: Uint8Array; schedule_id: string | null };

/**
 * The log's events in order. Also checks what holds for every log: no gaps, no id twice, canonical, hashed, each disclosure's
 * digest in its place, known metadata.
 */
export const readLog = async ({ sql }: Tables): Promise<AuditEvent[]> => {
  const rows = await sql<LogRow>(`${selectEvents} ORDER BY position`);
  expect(rows.map(({ position }) => Number(position))).toEqual(rows.map((_, index) => index + 1));
  const events = rows.map(toEvent);
  expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
  for (const [index, event] of events.entries()) {
    const row = rows[index];
    if (!row) return expect.unreachable();
    const { entry, disclosures } = row;
    if (canonicalize(JSON.parse(entry)) !== entry) expect(entry, 'canonical JSON').toBe(canonicalize(JSON.parse(entry)));
    if (leafHashOf(entry) !== Buffer.from(row.leaf_hash).toString('base64'))
      expect.unreachable(`leaf_hash of position ${index + 1}`);
    for (const line of disclosures === '' ? [] : disclosures.split('\n'))
      if (!`${entry}${disclosures}`.includes(`"${digestOf(line)}"`))
        expect.unreachable(`position ${index + 1} has no digest of ${line}`);
    metadataSchemas[event.eventType].strict().parse(event.metadata);
  }
  expect(await logSize({ sql })).toBe(rows.length);
  return events;
};
