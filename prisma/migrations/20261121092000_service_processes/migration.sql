-- Why:   every process announces itself, so that roles which nobody runs, and clocks that differ, are seen without SQL;
--        and the latest failure of a schedule or a sink says when it was.
-- Locks: ACCESS EXCLUSIVE on feature_flag_schedules and sink_cursors for an instant: the new columns are null, so no row is rewritten.
-- Undo:  DROP TABLE service_processes; ALTER TABLE feature_flag_schedules DROP COLUMN last_error_at;
--        ALTER TABLE sink_cursors DROP COLUMN last_error_at; then delete this migration's row from _prisma_migrations.

CREATE TABLE service_processes (
  id            uuid           PRIMARY KEY,
  roles         text[]         NOT NULL,
  version       varchar(64)    NOT NULL,
  host          varchar(255)   NOT NULL,
  pid           integer        NOT NULL,
  started_at    timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  last_seen_at  timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  clock_skew_ms double precision,
  detail        jsonb          NOT NULL DEFAULT '{}'
);

ALTER TABLE feature_flag_schedules ADD COLUMN last_error_at timestamptz(3);
ALTER TABLE sink_cursors ADD COLUMN last_error_at timestamptz(3);
