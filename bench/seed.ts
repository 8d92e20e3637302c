// Data for the benches, made by the database itself.

/** Flags `flag-1` to `flag-<count>`, with a state in every environment. */
export const seedFlags = (count: number): string => `
  INSERT INTO feature_flags (id, key, name, created_at, updated_at)
    SELECT gen_random_uuid(), 'flag-' || n, 'Flag ' || n, now(), now() FROM generate_series(1, ${count}) n;
  INSERT INTO feature_flag_states (flag_id, environment_key, updated_at)
    SELECT f.id, e.key, now() FROM feature_flags f CROSS JOIN environments e;
  ANALYZE;`;

/** Schedules in production that are all due, one millisecond after the other; flags take turns. */
export const seedDueSchedules = (count: number, flags: number): string => `
  INSERT INTO feature_flag_schedules (id, flag_id, flag_key, environment_key, scheduled_at, updates, created_by, created_at, updated_at)
    SELECT uuidv7(), f.id, f.key, 'production', now() - (${count} - n) * interval '1 ms' - interval '1 s',
      jsonb_build_object('enabled', n % 2 = 0, 'rolloutPercentage', n % 101), 'admin', now(), now()
    FROM generate_series(1, ${count}) n JOIN feature_flags f ON f.key = 'flag-' || 1 + n % ${flags}
    ORDER BY n;
  ANALYZE;`;

/** Committed events that wait for the sequencer: copies of one entry, each with an id of its own. */
export const seedOutbox = (count: number, entry: string, entryId: string): string => `
  INSERT INTO audit_outbox (event)
    SELECT replace(${quote(entry)}, '${entryId}', gen_random_uuid()::text) FROM generate_series(1, ${count});
  ANALYZE;`;

const quote = (text: string) => `'${text.replaceAll("'", "''")}'`;
