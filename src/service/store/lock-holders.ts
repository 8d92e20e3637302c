import type { Queryable } from '../../database/queryable.ts';
import type { Blocker } from '../model/service-facts.ts';

/** Transactions younger than this are at work: a worker holds the flags of its batch for some milliseconds. */
const youngestMs = 2000;

/**
 * The database sessions that hold what due schedules wait for: the rows of their flags, which a worker skips without a word, and
 * whatever else a session of this service waits for. Their SQL is left out: it may hold secrets.
 *
 * Who holds a row stands in its xmax: a transaction, whose lock on its own id says that it still runs, or a group of them (a
 * multixact), read only where the number can be one, because PostgreSQL refuses others with an error.
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
    WHERE a.xact_start IS NULL OR a.xact_start < clock_timestamp() - ${youngestMs}::int * interval '1 millisecond'
    GROUP BY s.pid, a.application_name, a.usename, a.state, a.xact_start
    ORDER BY a.xact_start NULLS LAST, s.pid LIMIT 10`;
