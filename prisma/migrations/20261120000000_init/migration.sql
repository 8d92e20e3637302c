-- Why:   flags, their scheduled changes, and the append-only log of who did what.
-- Locks: none; every object is new.
-- Undo:  DROP TABLE sink_cursors, audit_log, audit_head, audit_outbox, feature_flag_schedules, feature_flag_states,
--        feature_flags, environments; DROP FUNCTION audit_emit, audit_sequence, audit_entry_is_valid, audit_columns,
--        audit_log_is_append_only; then delete this migration's row from _prisma_migrations.

CREATE TABLE environments (
  key        varchar(64)    PRIMARY KEY,
  name       varchar(255)   NOT NULL,
  enabled    boolean        NOT NULL DEFAULT true,
  created_at timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP
);
INSERT INTO environments (key, name) VALUES
  ('production', 'Production'), ('staging', 'Staging'), ('development', 'Development');

CREATE TABLE feature_flags (
  id          uuid           PRIMARY KEY,
  key         varchar(128)   NOT NULL,
  name        varchar(255)   NOT NULL,
  description text,
  type        varchar(16)    NOT NULL DEFAULT 'BOOLEAN'
    CONSTRAINT feature_flags_type CHECK (type IN ('BOOLEAN', 'STRING', 'NUMBER', 'OBJECT')),
  tags        text[]         DEFAULT ARRAY[]::text[],
  created_at  timestamptz(3) NOT NULL,
  updated_at  timestamptz(3) NOT NULL
);
CREATE UNIQUE INDEX feature_flags_key ON feature_flags (key);

CREATE TABLE feature_flag_states (
  flag_id            uuid           NOT NULL REFERENCES feature_flags (id) ON DELETE CASCADE,
  environment_key    varchar(64)    NOT NULL REFERENCES environments (key),
  enabled            boolean        NOT NULL DEFAULT false,
  rollout_percentage smallint       NOT NULL DEFAULT 100
    CONSTRAINT feature_flag_states_rollout CHECK (rollout_percentage BETWEEN 0 AND 100),
  default_variant    varchar(128),
  version            integer        NOT NULL DEFAULT 1,
  last_scheduled_at  timestamptz(3),
  last_schedule_id   uuid,
  updated_at         timestamptz(3) NOT NULL,
  PRIMARY KEY (flag_id, environment_key)
);

CREATE TABLE feature_flag_schedules (
  id              uuid           PRIMARY KEY,
  flag_id         uuid           REFERENCES feature_flags (id) ON DELETE SET NULL,
  flag_key        varchar(128)   NOT NULL,
  environment_key varchar(64)    NOT NULL,
  scheduled_at    timestamptz(3) NOT NULL,
  status          varchar(16)    NOT NULL DEFAULT 'PENDING'
    CONSTRAINT feature_flag_schedules_status_known CHECK (status IN ('PENDING', 'APPLIED', 'FAILED', 'CANCELLED')),
  updates         jsonb          NOT NULL,
  created_by      varchar(255),
  cancelled_by    varchar(255),
  cancelled_at    timestamptz(3),
  cancel_reason   text,
  applied_at      timestamptz(3),
  error_message   text,
  last_error      text,
  retry_count     smallint       NOT NULL DEFAULT 0,
  max_retries     smallint       NOT NULL DEFAULT 3
    CONSTRAINT feature_flag_schedules_max_retries CHECK (max_retries BETWEEN 0 AND 10),
  next_retry_at   timestamptz(3)
    CONSTRAINT feature_flag_schedules_retry_of_failed CHECK (next_retry_at IS NULL OR status = 'FAILED'),
  idempotency_key varchar(255),
  created_at      timestamptz(3) NOT NULL,
  updated_at      timestamptz(3) NOT NULL
);
CREATE INDEX feature_flag_schedules_time ON feature_flag_schedules (scheduled_at, id);
CREATE INDEX feature_flag_schedules_flag ON feature_flag_schedules (flag_key, environment_key, scheduled_at, id);
CREATE INDEX feature_flag_schedules_environment ON feature_flag_schedules (environment_key, scheduled_at, id);
CREATE INDEX feature_flag_schedules_status ON feature_flag_schedules (status, scheduled_at, id);
CREATE INDEX feature_flag_schedules_creator ON feature_flag_schedules (created_by, scheduled_at, id);
CREATE INDEX feature_flag_schedules_flag_id ON feature_flag_schedules (flag_id);
-- The open ones of a flag: what a claim and a deletion take, whatever the flag has behind it.
CREATE INDEX feature_flag_schedules_open ON feature_flag_schedules (flag_id, environment_key, scheduled_at, id)
  WHERE status = 'PENDING' OR next_retry_at IS NOT NULL;
-- What can still become due, by the instant at which it does: the worker's queue, whatever the table's size.
CREATE INDEX feature_flag_schedules_due ON feature_flag_schedules ((coalesce(next_retry_at, scheduled_at)), id)
  WHERE status = 'PENDING' OR next_retry_at IS NOT NULL;
-- The scope of an idempotency key is the actor; an actor without an id is one actor, too.
CREATE UNIQUE INDEX feature_flag_schedules_idempotency ON feature_flag_schedules ((coalesce(created_by, '')), idempotency_key)
  WHERE idempotency_key IS NOT NULL;

-- The fields of an entry that the log keeps as columns: the one definition, for the check at the door and for the sequencer.
-- OFFSET 0 keeps the planner from parsing the JSON anew for each of them.
CREATE FUNCTION audit_columns(event text)
RETURNS TABLE (id uuid, occurred_at timestamptz, event_type text, actor_type text, actor_id text, flag_key text,
  schedule_id uuid, environment text, workspace_id text, resource_type text, resource_id text, request_id text, result text)
LANGUAGE sql STABLE AS $$
  SELECT (e ->> 'id')::uuid, (e ->> 'timestamp')::timestamptz, e ->> 'eventType', e #>> '{actor,type}', e #>> '{actor,id}',
    e ->> 'flagKey', (e ->> 'scheduleId')::uuid, e ->> 'environment', e ->> 'workspaceId', e #>> '{resource,type}',
    e #>> '{resource,id}', e #>> '{requestContext,requestId}', e ->> 'result'
  FROM (SELECT event::jsonb AS e OFFSET 0) parsed
$$;

-- Refuses at the door what the sequencer could not move: one bad row must never stop the log. An index takes no value of
-- more than about 2,700 bytes. PL/pgSQL, whose plan is kept: a CHECK plans SQL functions anew for every statement.
CREATE FUNCTION audit_entry_is_valid(event text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
  c record;
BEGIN
  SELECT * INTO c FROM audit_columns(event);
  RETURN num_nulls(c.id, c.occurred_at, c.event_type, c.actor_type, c.actor_id, c.environment, c.result) = 0
    AND greatest(octet_length(c.event_type), octet_length(c.actor_id), octet_length(c.flag_key), octet_length(c.resource_id),
      octet_length(c.request_id), octet_length(c.workspace_id)) <= 2000;
END $$;

CREATE TABLE audit_outbox (
  id         bigserial      PRIMARY KEY,
  event      text           NOT NULL CONSTRAINT audit_outbox_event_is_valid CHECK (audit_entry_is_valid(event)),
  created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE audit_log (
  position      bigint         PRIMARY KEY,
  id            uuid           NOT NULL,
  sealed_at     timestamptz(3) NOT NULL,
  occurred_at   timestamptz(3) NOT NULL,
  event_type    text           NOT NULL,
  actor_type    text           NOT NULL,
  actor_id      text           NOT NULL,
  flag_key      text,
  schedule_id   uuid,
  environment   text           NOT NULL,
  workspace_id  text,
  resource_type text,
  resource_id   text,
  request_id    text,
  result        text           NOT NULL,
  entry         text           NOT NULL,
  leaf_hash     bytea          NOT NULL
);
CREATE UNIQUE INDEX audit_log_id ON audit_log (id);
CREATE INDEX audit_log_flag ON audit_log (flag_key, position);
CREATE INDEX audit_log_schedule ON audit_log (schedule_id, position);
CREATE INDEX audit_log_type ON audit_log (event_type, position);
CREATE INDEX audit_log_actor ON audit_log (actor_id, position);
CREATE INDEX audit_log_request ON audit_log (request_id, position);
CREATE INDEX audit_log_resource ON audit_log (resource_id, position);
CREATE INDEX audit_log_time ON audit_log (occurred_at, position);
CREATE INDEX audit_log_workspace ON audit_log (workspace_id, position) WHERE workspace_id IS NOT NULL;
-- Failures and refusals are rare, and what somebody looks for.
CREATE INDEX audit_log_result ON audit_log (result, position) WHERE result <> 'SUCCESS';

CREATE FUNCTION audit_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'audit_log is append-only: % refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION audit_log_is_append_only();

CREATE TABLE audit_head (
  id        smallint       PRIMARY KEY DEFAULT 1 CONSTRAINT audit_head_is_one_row CHECK (id = 1),
  log_id    uuid           NOT NULL DEFAULT gen_random_uuid(),
  size      bigint         NOT NULL DEFAULT 0,
  sealed_at timestamptz(3) NOT NULL DEFAULT clock_timestamp()
);
INSERT INTO audit_head DEFAULT VALUES;

CREATE TABLE sink_cursors (
  name         varchar(255)   PRIMARY KEY,
  position     bigint         NOT NULL DEFAULT 0,
  last_error   text,
  lease_holder varchar(255),
  lease_until  timestamptz(3),
  updated_at   timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP
);

-- Puts events into the outbox of the transaction that they record. Never fails and never waits long: what cannot be
-- stored returns null, and the caller spools it. OTHERS alone would let a cancelled statement through.
CREATE FUNCTION audit_emit(events text[]) RETURNS integer LANGUAGE plpgsql SET lock_timeout = '100ms' AS $$
BEGIN
  INSERT INTO audit_outbox (event) SELECT event FROM unnest(events) WITH ORDINALITY AS e (event, n) ORDER BY n;
  RETURN cardinality(events);
EXCEPTION WHEN query_canceled OR assert_failure OR OTHERS THEN
  RAISE WARNING 'audit_emit: % (%)', SQLERRM, SQLSTATE;
  RETURN NULL;
END $$;

-- Moves up to max_rows committed events into the log, oldest first, and gives them the next positions. The head's row lock
-- elects one sequencer; who does not get it returns 0 at once. An event whose id the log has already (a spool replayed
-- after a crash) is dropped. A function of its own, because each statement needs the snapshot taken after that lock.
CREATE FUNCTION audit_sequence(max_rows integer) RETURNS integer LANGUAGE plpgsql AS $$
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
      environment, workspace_id, resource_type, resource_id, request_id, result, entry, leaf_hash)
    SELECT head.size + row_number() OVER (ORDER BY queued), id, sealed, occurred_at, event_type, actor_type, actor_id, flag_key,
      schedule_id, environment, workspace_id, resource_type, resource_id, request_id, result, event,
      sha256('\x00'::bytea || convert_to(event, 'UTF8'))
    FROM fresh RETURNING 1
  )
  SELECT (SELECT count(*) FROM moved), (SELECT count(*) FROM appended) INTO taken, added;

  IF added > 0 THEN
    UPDATE audit_head SET size = head.size + added, sealed_at = sealed;
  END IF;
  RETURN taken;
END $$;
