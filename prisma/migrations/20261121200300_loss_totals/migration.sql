-- Why:   metrics ask how many events were lost in all; summing up the log costs more the longer it gets. The log's head keeps the
--        totals, in the transaction that appends the entries that declare losses.
-- Locks: ACCESS EXCLUSIVE on audit_head until the end: no event gets its position meanwhile, and readers wait. The entries that
--        declare losses are read once, by their index.
-- Undo:  run CREATE OR REPLACE FUNCTION audit_sequence as 20261121095000_lookups has it;
--        ALTER TABLE audit_head DROP COLUMN lost_by_flagtrail, DROP COLUMN lost_by_applications; DROP FUNCTION audit_lost;
--        then delete this migration's row from _prisma_migrations.

-- What one entry of the type audit.loss declares. Nothing that anybody writes there may stop the log.
CREATE FUNCTION audit_lost(entry text) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN jsonb_typeof(declared) = 'number' THEN least(greatest(declared::numeric, 0), 1e15)::bigint ELSE 0 END
  FROM (SELECT entry::jsonb #> '{metadata,count}' AS declared) metadata
$$;

ALTER TABLE audit_head ADD COLUMN lost_by_flagtrail bigint NOT NULL DEFAULT 0,
  ADD COLUMN lost_by_applications bigint NOT NULL DEFAULT 0;
-- An actor of the type SYSTEM is Flagtrail itself: no token and no key makes a caller one.
UPDATE audit_head SET (lost_by_flagtrail, lost_by_applications) = (
  SELECT coalesce(sum(audit_lost(entry)) FILTER (WHERE actor_type = 'SYSTEM'), 0),
    coalesce(sum(audit_lost(entry)) FILTER (WHERE actor_type <> 'SYSTEM'), 0)
  FROM audit_log WHERE event_type = 'audit.loss');

-- As before, and with the totals.
CREATE OR REPLACE FUNCTION audit_sequence(max_rows integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  head audit_head%ROWTYPE;
  sealed timestamptz(3);
  taken integer;
  added integer;
  own bigint;
  others bigint;
BEGIN
  SELECT * INTO head FROM audit_head FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN RETURN 0; END IF;
  sealed := greatest(head.sealed_at, clock_timestamp());

  WITH moved AS (
    DELETE FROM audit_outbox WHERE id IN (SELECT id FROM audit_outbox ORDER BY id LIMIT max_rows)
    RETURNING id AS queued, event
  ), fresh AS (
    SELECT DISTINCT ON (c.id) c.*, m.queued, m.event FROM moved m, audit_columns(m.event) c
    WHERE NOT EXISTS (SELECT 1 FROM audit_log l WHERE l.id = c.id) ORDER BY c.id, m.queued
  ), appended AS (
    INSERT INTO audit_log (position, id, sealed_at, occurred_at, event_type, actor_type, actor_id, flag_key, schedule_id,
      environment, workspace_id, resource_type, resource_id, request_id, api_key_id, ip_address, result, all_environments, entry, leaf_hash)
    SELECT head.size + row_number() OVER (ORDER BY queued), id, sealed, occurred_at, event_type, actor_type, actor_id, flag_key,
      schedule_id, environment, workspace_id, resource_type, resource_id, request_id, api_key_id, ip_address, result, all_environments, event,
      sha256('\x00'::bytea || convert_to(event, 'UTF8'))
    FROM fresh RETURNING actor_type = 'SYSTEM' AS is_own, CASE WHEN event_type = 'audit.loss' THEN audit_lost(entry) ELSE 0 END AS lost
  )
  SELECT (SELECT count(*) FROM moved), count(*), coalesce(sum(lost) FILTER (WHERE is_own), 0),
    coalesce(sum(lost) FILTER (WHERE NOT is_own), 0) INTO taken, added, own, others
  FROM appended;

  IF added > 0 THEN
    UPDATE audit_head SET size = head.size + added, sealed_at = sealed,
      lost_by_flagtrail = lost_by_flagtrail + own, lost_by_applications = lost_by_applications + others;
  END IF;
  RETURN taken;
END $$;
