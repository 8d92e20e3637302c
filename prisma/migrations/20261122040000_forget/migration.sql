-- Why:   a person's data can be erased, and old entries pruned, without a change to what the log proves; and a role that owns
--        nothing can run the service, append to the log and do nothing else to it.
-- Locks: ACCESS EXCLUSIVE on audit_head, audit_log and audit_disclosures until the end: no event gets its position meanwhile, and
--        readers wait. Reads the log once for an index of the entries that cannot be erased: about a second for a million.
-- Undo:  run CREATE OR REPLACE FUNCTION audit_sequence as 20261122020000_tree has it, once nothing is pruned or half erased; then
--        DROP TRIGGER audit_log_prune_only ON audit_log; DROP TRIGGER audit_log_append_only ON audit_log;
--        CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
--          FOR EACH STATEMENT EXECUTE FUNCTION audit_log_is_append_only();
--        DROP TRIGGER audit_disclosures_prune_only ON audit_disclosures; DROP TRIGGER audit_disclosures_guard ON audit_disclosures;
--        DROP TRIGGER audit_disclosures_no_truncate ON audit_disclosures;
--        DROP FUNCTION audit_erase, audit_begin_erasure, audit_shown, audit_disclosures_are_guarded, audit_is_erased, audit_forget,
--          audit_prune_only; DROP INDEX audit_log_old_form; DROP TABLE audit_erasures;
--        ALTER TABLE audit_head DROP COLUMN pruned_to; then delete this migration's row from _prisma_migrations.

-- Entries up to here are pruned: they have no rows any more, or soon none. Whole tiles, so that audit_tiles has their leaves.
ALTER TABLE audit_head ADD COLUMN pruned_to bigint NOT NULL DEFAULT 0
  CONSTRAINT audit_head_pruned_to CHECK (pruned_to >= 0 AND pruned_to <= size AND pruned_to % 256 = 0);

-- Whose personal data is erased. A row stays for ever, because a spool can bring an older event of that person any time.
CREATE TABLE audit_erasures (
  actor_id     text           PRIMARY KEY,
  -- What the person did until then is stripped on its way into the log.
  erased_at    timestamptz(3) NOT NULL,
  -- How long the log was then, and up to where disclosures are removed so far. In between, readers leave them out.
  up_to        bigint         NOT NULL,
  done_to      bigint         NOT NULL,
  -- How many entries of the person the log had, and how many of them are of the form that says everything itself.
  events       bigint         NOT NULL,
  not_erasable bigint         NOT NULL
);
CREATE INDEX audit_erasures_open ON audit_erasures (erased_at) WHERE done_to < up_to;
-- Entries of releases before disclosures. Keys are sorted, and no other key of an entry begins with an underscore.
CREATE INDEX audit_log_old_form ON audit_log (actor_id, position) WHERE NOT starts_with(entry, '{"_sd');

-- The disclosures without those of a person. The name of a line begins after a salt of 22 characters. What an application wrote
-- of its user is in its own words, so nobody can tell what is personal there: all of it goes, and its copies in the states.
CREATE FUNCTION audit_forget(disclosures text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(string_agg(line, E'\n' ORDER BY n), '')
  FROM (SELECT line, n, split_part(substr(line, 28), '"', 1) AS name FROM string_to_table(disclosures, E'\n') WITH ORDINALITY AS l (line, n)
    WHERE line <> '') named
  WHERE name NOT IN ('name', 'email', 'ipAddress', 'userAgent', 'sessionId', 'adminEmail')
    AND NOT (coalesce(audit_disclosed(disclosures, 'metadata') ? 'recordedBy', false) AND name IN ('details', 'previousValue',
      'newValue', 'description', 'errorMessage', 'previousState', 'newState', 'changes'))
$$;

-- Whether an entry's person is erased, and its disclosures are not removed yet.
CREATE FUNCTION audit_is_erased(of_actor text, at_position bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT coalesce((SELECT e.done_to < e.up_to AND at_position <= e.up_to FROM audit_erasures e WHERE e.actor_id = of_actor), false)
$$;
-- The disclosures that readers may show.
CREATE FUNCTION audit_shown(of_actor text, at_position bigint, disclosures text) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN audit_is_erased(of_actor, at_position) THEN audit_forget(disclosures) ELSE disclosures END
$$;

-- Notes that a person's data is to be erased; from this commit on, readers show none of it. Returns no row if the log has nothing
-- of that actor. is_new is false if an earlier erasure has covered all that the log has. The head's lock decides for each event:
-- either it is in the log, or the sequencer will know of the erasure.
CREATE FUNCTION audit_begin_erasure(of_actor text) RETURNS TABLE (erased_at timestamptz, events bigint, not_erasable bigint, is_new boolean)
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  head audit_head%ROWTYPE;
  known audit_erasures%ROWTYPE;
  pruned bigint;
  counted_to bigint;
  total bigint;
  old bigint;
BEGIN
  SELECT * INTO known FROM audit_erasures e WHERE e.actor_id = of_actor;
  SELECT pruned_to, size INTO pruned, counted_to FROM audit_head;
  IF NOT EXISTS (SELECT 1 FROM audit_log l WHERE l.actor_id = of_actor AND l.position > greatest(pruned, known.up_to)
    AND NOT (l.event_type = 'person.erased' AND l.resource_id IS NOT DISTINCT FROM of_actor)) THEN
    IF known.actor_id IS NOT NULL THEN
      RETURN QUERY SELECT known.erased_at::timestamptz, known.events, known.not_erasable, false;
    END IF;
    RETURN;
  END IF;
  -- A person can have a million entries. They are counted before the lock, and only the last few under it.
  SELECT count(*) INTO total FROM audit_log l WHERE l.actor_id = of_actor AND l.position > pruned AND l.position <= counted_to;
  SELECT count(*) INTO old FROM audit_log l WHERE l.actor_id = of_actor AND l.position > pruned AND NOT starts_with(l.entry, '{"_sd');
  SELECT * INTO head FROM audit_head FOR UPDATE;
  SELECT total + count(*) INTO total FROM audit_log l WHERE l.actor_id = of_actor AND l.position > counted_to;
  RETURN QUERY INSERT INTO audit_erasures AS e (actor_id, erased_at, up_to, done_to, events, not_erasable)
    VALUES (of_actor, clock_timestamp(), head.size, 0, total - old, old)
    ON CONFLICT (actor_id) DO UPDATE SET erased_at = excluded.erased_at, up_to = excluded.up_to, events = excluded.events,
      not_erasable = excluded.not_erasable
    RETURNING e.erased_at::timestamptz, e.events, e.not_erasable, true;
END $$;

-- Removes the disclosures of up to max_rows entries of one person who is to be erased. Returns whether there is more to do.
CREATE FUNCTION audit_erase(max_rows integer) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  erasure audit_erasures%ROWTYPE;
  positions bigint[];
BEGIN
  SELECT * INTO erasure FROM audit_erasures WHERE done_to < up_to ORDER BY erased_at LIMIT 1 FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN RETURN false; END IF;
  positions := ARRAY(SELECT position FROM audit_log WHERE actor_id = erasure.actor_id AND position > erasure.done_to
    AND position <= erasure.up_to ORDER BY position LIMIT max_rows);
  UPDATE audit_disclosures SET disclosures = audit_forget(disclosures), ip_address = NULL WHERE position = ANY (positions);
  UPDATE audit_erasures SET done_to = CASE WHEN cardinality(positions) < max_rows THEN up_to ELSE positions[max_rows] END
  WHERE actor_id = erasure.actor_id;
  RETURN true;
END $$;

-- Guards. Nobody changes an entry; only pruned ones can be deleted. A disclosure can only be forgotten, by an erasure.
DROP TRIGGER audit_log_append_only ON audit_log;
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR TRUNCATE ON audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION audit_log_is_append_only();
CREATE FUNCTION audit_prune_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.position <= (SELECT pruned_to FROM audit_head) THEN RETURN OLD; END IF;
  RAISE EXCEPTION '% is append-only: DELETE refused, position % is not pruned', TG_TABLE_NAME, OLD.position
    USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_log_prune_only BEFORE DELETE ON audit_log FOR EACH ROW EXECUTE FUNCTION audit_prune_only();
CREATE TRIGGER audit_disclosures_prune_only BEFORE DELETE ON audit_disclosures FOR EACH ROW EXECUTE FUNCTION audit_prune_only();

CREATE FUNCTION audit_disclosures_are_guarded() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF NEW.position = OLD.position AND NEW.disclosures = audit_forget(OLD.disclosures) AND NEW.ip_address IS NULL AND EXISTS (
      SELECT 1 FROM audit_log l WHERE l.position = OLD.position AND audit_is_erased(l.actor_id, l.position)
    ) THEN RETURN NEW; END IF;
  END IF;
  RAISE EXCEPTION 'audit_disclosures can only be forgotten, by erasePerson: % refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_disclosures_guard BEFORE UPDATE ON audit_disclosures
  FOR EACH ROW EXECUTE FUNCTION audit_disclosures_are_guarded();
CREATE TRIGGER audit_disclosures_no_truncate BEFORE TRUNCATE ON audit_disclosures
  FOR EACH STATEMENT EXECUTE FUNCTION audit_disclosures_are_guarded();

-- As before. What an erased person did until then is stripped. Its owner's rights, so that a role can append without any right to
-- the log itself.
CREATE OR REPLACE FUNCTION audit_sequence(max_rows integer) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  head audit_head%ROWTYPE;
  sealed timestamptz(3);
  taken integer;
  leaves bytea[];
  own bigint;
  others bigint;
BEGIN
  SELECT * INTO head FROM audit_head FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN RETURN 0; END IF;
  sealed := greatest(head.sealed_at, clock_timestamp());

  WITH moved AS (
    DELETE FROM audit_outbox WHERE id IN (SELECT id FROM audit_outbox ORDER BY id LIMIT max_rows)
    RETURNING id AS queued, event, created_at
  ), fresh AS (
    SELECT DISTINCT ON (c.id) c.*, m.queued, m.event, m.created_at FROM moved m, audit_columns(m.event) c
    WHERE NOT EXISTS (SELECT 1 FROM audit_log l WHERE l.id = c.id) ORDER BY c.id, m.queued
  ), placed AS (
    SELECT head.size + row_number() OVER (ORDER BY queued) AS position, fresh.*, split_part(event, E'\n', 1) AS entry,
      -- One row of the primary key, whatever the planner knows.
      coalesce((SELECT least(occurred_at, created_at) <= e.erased_at FROM audit_erasures e WHERE e.actor_id = fresh.actor_id),
        false) AS erased
    FROM fresh
  ), appended AS (
    INSERT INTO audit_log (position, id, sealed_at, occurred_at, event_type, actor_type, actor_id, flag_key, schedule_id,
      environment, workspace_id, resource_type, resource_id, request_id, api_key_id, result, all_environments, entry, leaf_hash)
    SELECT position, id, sealed, occurred_at, event_type, actor_type, actor_id, flag_key, schedule_id, environment, workspace_id,
      resource_type, resource_id, request_id, api_key_id, result, all_environments, entry,
      sha256('\x00'::bytea || convert_to(entry, 'UTF8'))
    FROM placed RETURNING position, leaf_hash
  ), disclosed AS (
    INSERT INTO audit_disclosures (position, disclosures, ip_address)
    SELECT position, CASE WHEN erased THEN audit_forget(substr(event, length(entry) + 2)) ELSE substr(event, length(entry) + 2) END,
      CASE WHEN NOT erased THEN ip_address END
    FROM placed WHERE ip_address IS NOT NULL OR length(event) > length(entry)
  ), lost AS (
    SELECT actor_type = 'SYSTEM' AS is_own, audit_lost(event) AS count FROM placed WHERE event_type = 'audit.loss'
  )
  SELECT (SELECT count(*) FROM moved), (SELECT array_agg(leaf_hash ORDER BY position) FROM appended),
    (SELECT coalesce(sum(count) FILTER (WHERE is_own), 0) FROM lost),
    (SELECT coalesce(sum(count) FILTER (WHERE NOT is_own), 0) FROM lost) INTO taken, leaves, own, others;

  IF leaves IS NOT NULL THEN
    head.edge := audit_grow_tree(head.size, head.edge, leaves);
    UPDATE audit_head SET size = head.size + cardinality(leaves), sealed_at = sealed, edge = head.edge,
      root_hash = audit_root(head.edge),
      lost_by_flagtrail = lost_by_flagtrail + own, lost_by_applications = lost_by_applications + others;
  END IF;
  RETURN taken;
END $$;

-- Functions with their owner's rights look for tables in this schema alone, so that nobody can put others in the way.
DO $$
DECLARE
  f text;
BEGIN
  FOREACH f IN ARRAY ARRAY['audit_sequence(integer)', 'audit_begin_erasure(text)', 'audit_erase(integer)'] LOOP
    EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', f, current_schema());
  END LOOP;
END $$;
REVOKE EXECUTE ON FUNCTION audit_begin_erasure(text) FROM PUBLIC;
