-- Why:   a flag and its states remember who set each field last, and a schedule what it met when it failed first: so that a retry
--        undoes nothing that a person or a later schedule did meanwhile. Events of a flag's status show in every environment.
-- Locks: ACCESS EXCLUSIVE on feature_flags, feature_flag_states, feature_flag_schedules and audit_log: for an instant each where
--        a column is added (defaults are constants, so no row is rewritten), then until the end. Writes rows that a schedule
--        has changed, and schedules with a retry due; reads feature_flag_schedules once for each of two small indexes.
-- Undo:  DROP INDEX feature_flag_schedules_pending, feature_flag_schedules_retries;
--        ALTER TABLE feature_flag_schedules DROP COLUMN tried_state_version, DROP COLUMN tried_flag_version;
--        ALTER TABLE feature_flag_states DROP COLUMN last_set; ALTER TABLE feature_flags DROP COLUMN status_last_set;
--        then delete this migration's row from _prisma_migrations. What it has done to the log stays: releases before do without it.

ALTER TABLE feature_flags ADD COLUMN status_last_set jsonb NOT NULL DEFAULT '{}';
ALTER TABLE feature_flag_states ADD COLUMN last_set jsonb NOT NULL DEFAULT '{}';
ALTER TABLE feature_flag_schedules ADD COLUMN tried_state_version integer, ADD COLUMN tried_flag_version integer;

-- What is known from before: the schedule that changed a state, or set a status, last. From what, nobody has kept.
UPDATE feature_flag_states s SET last_set = (
  SELECT jsonb_object_agg(u.key, jsonb_build_object('bySchedule', jsonb_build_object(
    'schedule', jsonb_build_object('id', d.id, 'scheduledAt', to_char(s.last_scheduled_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')),
    'at', to_char(coalesce(d.applied_at, d.scheduled_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    'to', CASE WHEN u.key = 'rules' THEN to_jsonb(jsonb_array_length(u.value)) ELSE u.value END,
    'version', s.version)))
  FROM jsonb_each(d.updates) u WHERE u.key IN ('enabled', 'rolloutPercentage', 'defaultVariant', 'rules'))
FROM feature_flag_schedules d
WHERE d.id = s.last_schedule_id AND s.last_scheduled_at IS NOT NULL
  AND d.updates ?| ARRAY['enabled', 'rolloutPercentage', 'defaultVariant', 'rules'];
UPDATE feature_flags f SET status_last_set = jsonb_build_object('bySchedule', jsonb_build_object(
  'schedule', jsonb_build_object('id', d.id, 'scheduledAt', to_char(f.last_status_scheduled_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')),
  'at', to_char(coalesce(d.applied_at, d.scheduled_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
  'to', d.updates -> 'status', 'version', f.version))
FROM feature_flag_schedules d
WHERE d.id = f.last_status_schedule_id AND f.last_status_scheduled_at IS NOT NULL AND d.updates ? 'status';
UPDATE feature_flag_schedules d SET tried_state_version = s.version, tried_flag_version = f.version
FROM feature_flag_states s JOIN feature_flags f ON f.id = s.flag_id
WHERE d.next_retry_at IS NOT NULL AND s.flag_id = d.flag_id AND s.environment_key = d.environment_key;

-- Who is near whom: the pending ones of a flag in all environments, whatever it has behind it.
CREATE INDEX feature_flag_schedules_pending ON feature_flag_schedules (flag_key, scheduled_at, id) WHERE status = 'PENDING';
-- What is tried again by itself, of one flag.
CREATE INDEX feature_flag_schedules_retries ON feature_flag_schedules (flag_id, next_retry_at, id) WHERE next_retry_at IS NOT NULL;

ALTER TABLE audit_log ADD COLUMN IF NOT EXISTS all_environments boolean NOT NULL DEFAULT false;

-- As before, and with the environments that an event concerns. Entries without it are of one environment.
DROP FUNCTION audit_columns;
CREATE FUNCTION audit_columns(event text)
RETURNS TABLE (id uuid, occurred_at timestamptz, event_type text, actor_type text, actor_id text, flag_key text,
  schedule_id uuid, environment text, workspace_id text, resource_type text, resource_id text, request_id text, result text,
  all_environments boolean)
LANGUAGE sql STABLE AS $$
  SELECT (e ->> 'id')::uuid, (e ->> 'timestamp')::timestamptz, e ->> 'eventType', e #>> '{actor,type}', e #>> '{actor,id}',
    e ->> 'flagKey', (e ->> 'scheduleId')::uuid, e ->> 'environment', e ->> 'workspaceId', e #>> '{resource,type}',
    e #>> '{resource,id}', e #>> '{requestContext,requestId}', e ->> 'result',
    coalesce((e ->> 'allEnvironments')::boolean, false)
  FROM (SELECT event::jsonb AS e OFFSET 0) parsed
$$;

CREATE OR REPLACE FUNCTION audit_sequence(max_rows integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  head audit_head%ROWTYPE;
  sealed timestamptz(3);
  taken integer;
  added integer;
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
      environment, workspace_id, resource_type, resource_id, request_id, result, all_environments, entry, leaf_hash)
    SELECT head.size + row_number() OVER (ORDER BY queued), id, sealed, occurred_at, event_type, actor_type, actor_id, flag_key,
      schedule_id, environment, workspace_id, resource_type, resource_id, request_id, result, all_environments, event,
      sha256('\x00'::bytea || convert_to(event, 'UTF8'))
    FROM fresh RETURNING 1
  )
  SELECT (SELECT count(*) FROM moved), (SELECT count(*) FROM appended) INTO taken, added;

  IF added > 0 THEN
    UPDATE audit_head SET size = head.size + added, sealed_at = sealed;
  END IF;
  RETURN taken;
END $$;
