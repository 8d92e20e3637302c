-- Why:   the log is found by API key and by address; a flag says who created it; lists of flags are ordered by name and by
--        instant, and asked for what holds in one environment.
-- Locks: ACCESS EXCLUSIVE on feature_flags and audit_log until the end. The columns are nullable, so no row of the log is
--        rewritten, but two indexes that are empty yet read it once; meanwhile events wait in the outbox, and readers for the log.
--        SHARE on feature_flag_states while two indexes are built. Writes the rows of feature_flags once.
-- Undo:  DROP INDEX audit_log_api_key, audit_log_ip_address, feature_flags_name, feature_flags_created, feature_flags_updated,
--          feature_flag_states_environment, feature_flag_states_emergency;
--        DROP FUNCTION audit_columns; run CREATE FUNCTION audit_columns and CREATE OR REPLACE FUNCTION audit_sequence as
--        20261121090000_last_settings has them, and CREATE OR REPLACE FUNCTION audit_entry_is_valid as 20261120000000_init has it;
--        ALTER TABLE audit_log DROP COLUMN api_key_id, DROP COLUMN ip_address; ALTER TABLE feature_flags DROP COLUMN created_by;
--        then delete this migration's row from _prisma_migrations.

-- What the log says of flags from before; what is on its way there, too.
ALTER TABLE feature_flags ADD COLUMN created_by varchar(255);
UPDATE feature_flags f SET created_by = left(created.e #>> '{metadata,adminUserId}', 255)
FROM (
  SELECT entry::jsonb AS e FROM audit_log WHERE event_type = 'flag.created'
  UNION ALL SELECT event::jsonb FROM audit_outbox
) created
WHERE created.e ->> 'eventType' = 'flag.created' AND created.e #>> '{resource,id}' = f.id::text;

CREATE INDEX feature_flags_name ON feature_flags (name, key);
CREATE INDEX feature_flags_created ON feature_flags (created_at, key);
CREATE INDEX feature_flags_updated ON feature_flags (updated_at, key);
CREATE INDEX feature_flag_states_environment ON feature_flag_states (environment_key, flag_id);
-- Emergencies are few, and what somebody looks for.
CREATE INDEX feature_flag_states_emergency ON feature_flag_states (flag_id, environment_key) WHERE emergency IS NOT NULL;

-- Entries from before stay without them: the log refuses to be changed.
ALTER TABLE audit_log ADD COLUMN api_key_id text, ADD COLUMN ip_address text;
CREATE INDEX audit_log_api_key ON audit_log (api_key_id, position) WHERE api_key_id IS NOT NULL;
CREATE INDEX audit_log_ip_address ON audit_log (ip_address, position) WHERE ip_address IS NOT NULL;

-- As before, and with where a request came from.
DROP FUNCTION audit_columns;
CREATE FUNCTION audit_columns(event text)
RETURNS TABLE (id uuid, occurred_at timestamptz, event_type text, actor_type text, actor_id text, flag_key text,
  schedule_id uuid, environment text, workspace_id text, resource_type text, resource_id text, request_id text,
  api_key_id text, ip_address text, result text,
  all_environments boolean)
LANGUAGE sql STABLE AS $$
  SELECT (e ->> 'id')::uuid, (e ->> 'timestamp')::timestamptz, e ->> 'eventType', e #>> '{actor,type}', e #>> '{actor,id}',
    e ->> 'flagKey', (e ->> 'scheduleId')::uuid, e ->> 'environment', e ->> 'workspaceId', e #>> '{resource,type}',
    e #>> '{resource,id}', e #>> '{requestContext,requestId}', e #>> '{requestContext,apiKeyId}',
    e #>> '{requestContext,ipAddress}', e ->> 'result',
    coalesce((e ->> 'allEnvironments')::boolean, false)
  FROM (SELECT event::jsonb AS e OFFSET 0) parsed
$$;

CREATE OR REPLACE FUNCTION audit_entry_is_valid(event text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
  c record;
BEGIN
  SELECT * INTO c FROM audit_columns(event);
  RETURN num_nulls(c.id, c.occurred_at, c.event_type, c.actor_type, c.actor_id, c.environment, c.result) = 0
    AND greatest(octet_length(c.event_type), octet_length(c.actor_id), octet_length(c.flag_key), octet_length(c.resource_id),
      octet_length(c.request_id), octet_length(c.workspace_id), octet_length(c.api_key_id), octet_length(c.ip_address)) <= 2000;
END $$;

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
      environment, workspace_id, resource_type, resource_id, request_id, api_key_id, ip_address, result, all_environments, entry, leaf_hash)
    SELECT head.size + row_number() OVER (ORDER BY queued), id, sealed, occurred_at, event_type, actor_type, actor_id, flag_key,
      schedule_id, environment, workspace_id, resource_type, resource_id, request_id, api_key_id, ip_address, result, all_environments, event,
      sha256('\x00'::bytea || convert_to(event, 'UTF8'))
    FROM fresh RETURNING 1
  )
  SELECT (SELECT count(*) FROM moved), (SELECT count(*) FROM appended) INTO taken, added;

  IF added > 0 THEN
    UPDATE audit_head SET size = head.size + added, sealed_at = sealed;
  END IF;
  RETURN taken;
END $$;
