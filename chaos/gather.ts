import pg from 'pg';
import { readEvent } from '../src/audit/model/entry.ts';
import type { Evidence, LogRow, ScheduleRow, State } from './evidence.ts';

const environment = 'production';

type FoundState = { enabled: boolean; rolloutPercentage: number; version: number };
type FoundEvent = {
  id: string;
  eventType: string;
  flagKey: string | null;
  scheduleId: string | null;
  previousState: FoundState | null;
  newState: (FoundState & { states?: Record<string, FoundState> }) | null;
  metadata: { count?: number };
  requestContext: { requestId: string | null } | null;
};

/** Reads the evidence in the database directly, not through a proxy. */
export const gather = async (
  databaseUrl: string,
): Promise<Pick<Evidence, 'states' | 'schedules' | 'log' | 'size'> & { inOutbox: number }> => {
  const client = new pg.Client({ connectionString: databaseUrl });
  // If the server disappears, the running query also fails with this error.
  client.on('error', () => {});
  await client.connect();
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const states = await client.query<State & { key: string }>(
      `SELECT f.key, s.enabled, s.rollout_percentage AS "rolloutPercentage", s.version
       FROM feature_flags f JOIN feature_flag_states s ON s.flag_id = f.id WHERE s.environment_key = $1`,
      [environment],
    );
    const schedules = await client.query<Omit<ScheduleRow, 'scheduledAt'> & { scheduledAt: Date }>(
      `SELECT id, flag_key AS "flagKey", scheduled_at AS "scheduledAt", status, updates, idempotency_key AS "idempotencyKey",
         COALESCE(error_message, last_error) AS "errorMessage" FROM feature_flag_schedules`,
    );
    const log = await client.query<{ position: string; entry: string; disclosures: string }>(
      `SELECT l.position, l.entry, coalesce(d.disclosures, '') AS disclosures
       FROM audit_log l LEFT JOIN audit_disclosures d USING (position) ORDER BY l.position`,
    );
    const counts = await client.query<{ size: string; inOutbox: string }>(
      'SELECT size, (SELECT count(*) FROM audit_outbox) AS "inOutbox" FROM audit_head',
    );
    return {
      states: new Map(states.rows.map(({ key, ...state }) => [key, state])),
      schedules: schedules.rows.map((row) => ({ ...row, scheduledAt: row.scheduledAt.toISOString() })),
      log: log.rows.map(({ position, entry, disclosures }) =>
        toLogRow(Number(position), readEvent(entry, disclosures) as FoundEvent),
      ),
      size: Number(counts.rows[0]?.size),
      inOutbox: Number(counts.rows[0]?.inOutbox),
    };
  } finally {
    await client.end();
  }
};

const toLogRow = (position: number, event: FoundEvent): LogRow => {
  const { id, eventType, flagKey, scheduleId, previousState, newState, metadata, requestContext } = event;
  const isChange = /^flag\.|^flag_schedule\.applied$/.test(eventType);
  return {
    ...{ position, id, eventType, flagKey, scheduleId },
    requestId: requestContext?.requestId ?? null,
    before: isChange && previousState ? toState(previousState) : null,
    after: isChange && newState ? toState(newState.states?.[environment] ?? newState) : null,
    declaredLost: eventType === 'audit.loss' ? (metadata.count ?? 1) : 0,
  };
};

const toState = ({ enabled, rolloutPercentage, version }: FoundState): State => ({ enabled, rolloutPercentage, version });
