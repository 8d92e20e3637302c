import type { Queryable } from '../../database/queryable.ts';
import type { Blocker } from '../model/service-facts.ts';

/** Younger transactions are ignored: a worker holds the flags of its batch for some milliseconds. */
const minAgeMs = 2000;

/**
 * The database sessions that hold what due schedules wait for: the rows of their flags, which a worker skips silently, and any
 * other lock for which a session of this service waits. Their SQL is left out, because it can contain secrets.
 *
 * A row's xmax says who holds it: a transaction, which still runs if the lock on its own id is held, or a group of transactions
 * (a multixact). A number is read as a multixact only if it can be one, because PostgreSQL raises an error for others.
 */
export const findLockHolders = (prisma: Queryable, flagIds: readonly string[]): Promise<Blocker[]> =>
  prisma.$queryRaw<Blocker[]>`
    WITH flags AS (
      SELECT key, xmax AS holder FROM feature_flags WHERE id = ANY (${[...flagIds]}::uuid[]) AND xmax::text <> '0'
    ), holders AS (
      SELECT key, holder::text AS xid FROM flags
      UNION
      SELECT key, m.xid::text FROM flags,
        (SELECT datminmxid AS oldest FROM pg_database WHERE datname = current_database()) d,
        pg_get_multixact_members(CASE WHEN mxid_age(holder) > 0 AND mxid_age(holder) <= mxid_age(d.oldest) THEN holder END) m
    ), sessions AS (
      SELECT l.pid, h.key FROM holders h JOIN pg_locks l
        ON l.locktype = 'transactionid' AND l.granted AND l.mode = 'ExclusiveLock' AND l.transactionid::text = h.xid
      UNION
      SELECT b.pid, NULL FROM pg_stat_activity w, unnest(pg_blocking_pids(w.pid)) AS b (pid)
      WHERE w.datname = current_database() AND w.application_name LIKE 'flagtrail%' AND w.wait_event_type = 'Lock'
    )
    SELECT s.pid, array_remove(array_agg(DISTINCT s.key::text), NULL) AS "flagKeys", nullif(a.application_name, '') AS "applicationName",
      a.usename::text AS "userName", a.state, a.xact_start AS since
    FROM sessions s LEFT JOIN pg_stat_activity a ON a.pid = s.pid
    WHERE a.xact_start IS NULL OR a.xact_start < clock_timestamp() - ${minAgeMs}::int * interval '1 millisecond'
    GROUP BY s.pid, a.application_name, a.usename, a.state, a.xact_start
    ORDER BY a.xact_start NULLS LAST, s.pid LIMIT 10`;
