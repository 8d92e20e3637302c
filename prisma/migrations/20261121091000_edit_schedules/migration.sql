-- Why:   schedules can be edited, tried again and cancelled by the hundred, and be listed by when they were created or
--        applied, and by who cancelled them.
-- Locks: feature_flag_schedules for a moment (ACCESS EXCLUSIVE: its columns come without a rewrite), then against writes
--        while its four indexes are built: seconds for a million rows.
-- Undo:  DROP INDEX feature_flag_schedules_created, feature_flag_schedules_applied, feature_flag_schedules_canceller,
--        feature_flag_schedules_retrying; ALTER TABLE feature_flag_schedules DROP COLUMN version, DROP COLUMN requested,
--        DROP COLUMN decided_at; then
--        delete this migration's row from _prisma_migrations. Edits stay; a repeated idempotency key of an edited schedule
--        conflicts from then on.

ALTER TABLE feature_flag_schedules
  ADD COLUMN version    integer NOT NULL DEFAULT 1,
  ADD COLUMN requested  jsonb,
  ADD COLUMN decided_at timestamptz(3);
CREATE INDEX feature_flag_schedules_created ON feature_flag_schedules (created_at, id);
CREATE INDEX feature_flag_schedules_applied ON feature_flag_schedules (applied_at, id) WHERE applied_at IS NOT NULL;
CREATE INDEX feature_flag_schedules_canceller ON feature_flag_schedules (cancelled_by, scheduled_at, id)
  WHERE cancelled_by IS NOT NULL;
-- Those that wait for a retry: a few among all that ever failed.
CREATE INDEX feature_flag_schedules_retrying ON feature_flag_schedules (scheduled_at, id) WHERE next_retry_at IS NOT NULL;
