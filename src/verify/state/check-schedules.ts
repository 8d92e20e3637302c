import type { Json, JsonObject } from '../event.ts';
import { Tampered } from '../outcome.ts';
import type { ScheduleRecord } from './replay.ts';
import { type Comparison, compareFields, readTold, reasons } from './told.ts';

type Row = {
  id: string;
  flag_key: string;
  environment: string;
  status: string;
  scheduled_at: Date;
  updates: string;
  max_retries: number;
  retry_count: number;
  next_retry_at: Date | null;
};

const atOnce = 500;
const table = 'feature_flag_schedules';

const planOf = ({ scheduled_at, updates, max_retries }: Row) => ({
  scheduledAt: scheduled_at.toISOString(),
  updates: JSON.parse(updates) as Json,
  maxRetries: max_retries,
});
const progressOf = ({ status, retry_count, next_retry_at }: Row) => ({
  status,
  retryCount: retry_count,
  nextRetryAt: next_retry_at?.toISOString() ?? null,
});
const describe = ({ id, flag_key, environment }: Row): string => `The schedule ${id} of flag '${flag_key}' in ${environment}`;

/** Compares the schedules that can still become due with the log. Throws Tampered. Returns how many were compared. */
export const checkSchedules = async (comparison: Comparison): Promise<number> => {
  const { query, replay, waiting } = comparison;
  const seen = new Set<string>();
  let count = 0;
  for (let after = '00000000-0000-0000-0000-000000000000'; ; ) {
    const rows = await query<Row>(
      `SELECT id::text AS id, flag_key, environment_key AS environment, status, scheduled_at, updates::text AS updates,
         max_retries::int AS max_retries, retry_count::int AS retry_count, next_retry_at
       FROM ${table} WHERE id > $1::uuid AND (status = 'PENDING' OR (status = 'FAILED' AND next_retry_at IS NOT NULL))
       ORDER BY id LIMIT ${atOnce}`,
      after,
    );
    const last = rows.at(-1);
    if (!last) break;
    const records = rows.map(({ id }) => replay.schedules.get(id));
    const told = await readTold(
      query,
      records.flatMap((record) => (record ? [record.plan, record.last] : [])),
    );
    for (const [n, row] of rows.entries()) {
      seen.add(row.id);
      const record = records[n];
      if (waiting.flagKeys.has(row.flag_key)) comparison.skip(reasons.waiting);
      else if (!record) await refuseUnknown(comparison, row);
      else if (checkSchedule(comparison, row, record, told)) count++;
    }
    after = last.id;
  }
  for (const [id, { last }] of replay.schedules) if (!seen.has(id)) await refuseClosed(comparison, id, last);
  return count;

  async function refuseClosed({ skip }: Comparison, id: string, position: number) {
    const [row] = await query<{ flag_key: string; status: string }>(
      `SELECT flag_key, status FROM ${table} WHERE id = $1::uuid`,
      id,
    );
    if (row && waiting.flagKeys.has(row.flag_key)) return skip(reasons.waiting);
    const found = row ? `says ${row.status}` : 'does not have it';
    throw new Tampered(
      'state',
      position,
      `The schedule ${id}: the log says that it is still open (position ${position}), but the table ${table} ${found}: it was changed without an event.`,
    );
  }
};

const checkSchedule = (
  { skip }: Comparison,
  row: Row,
  { plan, last }: ScheduleRecord,
  told: ReadonlyMap<number, JsonObject>,
): boolean => {
  const what = { what: describe(row), table };
  const progress = told.get(last) ?? {};
  if (Object.keys(progress).length === 0) {
    skip(reasons.erased);
    return false;
  }
  // A new schedule was not tried yet, and its event does not say so.
  const untried = { retryCount: 0, nextRetryAt: null };
  compareFields({ ...what, position: last, said: { ...untried, ...progress }, found: progressOf(row) }, skip);
  if (plan > 0) {
    const { maxRetries, ...found } = planOf(row);
    const said = told.get(plan) ?? {};
    // Only an edit tells how often it may be tried.
    compareFields(
      { ...what, position: plan, said, found: said.maxRetries === undefined ? found : { ...found, maxRetries } },
      skip,
    );
  } else skip(reasons.pruned);
  return true;
};

const refuseUnknown = async ({ query, prunedTo, skip }: Comparison, row: Row): Promise<void> => {
  const [latest] = await query<{ position: bigint | number; event_type: string }>(
    'SELECT position, event_type FROM audit_log WHERE schedule_id = $1::uuid ORDER BY position DESC LIMIT 1',
    row.id,
  );
  if (latest)
    throw new Tampered(
      'state',
      Number(latest.position),
      `${describe(row)}: the log's last word on it is ${latest.event_type} (position ${latest.position}), but the table ${table} says ${row.status}: it was changed without an event.`,
    );
  if (prunedTo === 0)
    throw new Tampered('state', null, `${describe(row)}: the table ${table} has it, but no event of the log created it.`);
  skip(reasons.pruned);
};
