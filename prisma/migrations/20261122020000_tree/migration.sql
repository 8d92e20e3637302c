-- Why:   the log becomes a Merkle tree (RFC 6962, RFC 9162) that an outsider can check, and what is personal or large leaves its
--        entries: they keep digests of it (RFC 9901), and the disclosures stand in a table where they can be forgotten.
-- Locks: ACCESS EXCLUSIVE on audit_head and audit_log until the end: no event gets its position meanwhile, and readers wait. Reads
--        the leaf hashes of the whole log once to build the tree: about five seconds for a million entries.
-- Undo:  run CREATE OR REPLACE FUNCTION audit_sequence and audit_lost as 20261121200300_loss_totals has them, audit_columns and
--        audit_entry_is_valid as 20261121095000_lookups has them, once the outbox is empty;
--        CREATE INDEX audit_log_ip_address ON audit_log (ip_address, position) WHERE ip_address IS NOT NULL;
--        ALTER TABLE audit_head DROP COLUMN edge, DROP COLUMN root_hash; DROP TABLE audit_tiles, audit_disclosures;
--        DROP FUNCTION audit_disclosed, audit_grow_tree, audit_root; then delete this migration's row from _prisma_migrations.
--        What the disclosures of events since then held is lost with them.

-- The value of one disclosure, found by its name; null without one. Each is a line ["<salt, 22 characters>","<name>",<value>]. A
-- whole event can be given, too: its first line, the entry, is none.
CREATE FUNCTION audit_disclosed(lines text, name text) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
  SELECT line::jsonb -> 2 FROM string_to_table(lines, E'\n') AS line
  WHERE left(line, 2) = '["' AND starts_with(substr(line, 25, length(name) + 5), '","' || name || '",') LIMIT 1
$$;

-- What the entries keep digests of, by position. An event whose entry says everything has no row.
CREATE TABLE audit_disclosures (
  position    bigint PRIMARY KEY,
  disclosures text   NOT NULL,
  -- A copy of the disclosure, for filtering.
  ip_address  text
);
-- Entries from before have it in clear; from here it is found for all.
INSERT INTO audit_disclosures (position, disclosures, ip_address)
SELECT position, '', ip_address FROM audit_log WHERE ip_address IS NOT NULL;
CREATE INDEX audit_disclosures_ip_address ON audit_disclosures (ip_address, position) WHERE ip_address IS NOT NULL;
DROP INDEX audit_log_ip_address;

-- Full tiles of the tree, 256 hashes wide. Tile (0, n) holds the leaves from 256n on; tile (l, n) the roots of 256 tiles beneath.
CREATE TABLE audit_tiles (
  level     smallint NOT NULL,
  index     bigint   NOT NULL,
  hashes    bytea    NOT NULL,
  root_hash bytea    NOT NULL,
  PRIMARY KEY (level, index)
);
CREATE FUNCTION audit_tiles_are_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'audit_tiles is append-only: % refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_tiles_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_tiles
  FOR EACH STATEMENT EXECUTE FUNCTION audit_tiles_are_append_only();

-- edge: the roots of the complete subtrees that the log consists of, the widest first, 32 bytes each. root_hash: of the whole
-- tree; that of an empty one is SHA-256 of nothing.
ALTER TABLE audit_head ADD COLUMN edge bytea NOT NULL DEFAULT '',
  ADD COLUMN root_hash bytea NOT NULL DEFAULT sha256('');

-- Adds leaves to a tree of `size` leaves with this edge, and returns its new edge. A tile is stored when its last hash is there; a
-- leaf costs two hashes on average, however long the log is.
CREATE FUNCTION audit_grow_tree(size bigint, edge bytea, leaves bytea[]) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
  subtrees bytea[] := ARRAY(SELECT substr(edge, 32 * n + 1, 32) FROM generate_series(0, length(edge) / 32 - 1) AS n ORDER BY n);
  top integer := length(edge) / 32;
  node bytea;
  leaf bigint := size;
  height integer;
BEGIN
  FOREACH node IN ARRAY leaves LOOP
    height := 0;
    -- Each trailing one of the binary leaf index is a subtree of that height that this leaf completes to one twice as wide.
    WHILE (leaf >> height) & 1 = 1 LOOP
      node := sha256('\x01'::bytea || subtrees[top] || node);
      top := top - 1;
      height := height + 1;
      IF height % 8 = 0 THEN
        INSERT INTO audit_tiles (level, index, hashes, root_hash)
        SELECT height / 8 - 1, leaf >> height, string_agg(hash, '' ORDER BY n), node FROM (
          SELECT position AS n, leaf_hash AS hash FROM audit_log
          WHERE height = 8 AND position > (leaf >> 8) << 8 AND position <= ((leaf >> 8) << 8) + 256
          UNION ALL
          SELECT t.index, t.root_hash FROM audit_tiles t
          WHERE t.level = height / 8 - 2 AND t.index >= (leaf >> height) << 8 AND t.index < ((leaf >> height) << 8) + 256
        ) beneath;
      END IF;
    END LOOP;
    top := top + 1;
    subtrees[top] := node;
    leaf := leaf + 1;
  END LOOP;
  RETURN (SELECT coalesce(string_agg(subtrees[n], '' ORDER BY n), '') FROM generate_series(1, top) AS n);
END $$;

-- The root of the tree with this edge.
CREATE FUNCTION audit_root(edge bytea) RETURNS bytea LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  top integer := length(edge) / 32;
  root bytea := substr(edge, 32 * top - 31, 32);
BEGIN
  IF top = 0 THEN RETURN sha256(''); END IF;
  FOR n IN REVERSE top - 1 .. 1 LOOP
    root := sha256('\x01'::bytea || substr(edge, 32 * n - 31, 32) || root);
  END LOOP;
  RETURN root;
END $$;

-- The tree of the entries that are there.
DO $$
DECLARE
  total bigint := (SELECT size FROM audit_head);
  done bigint := 0;
  grown bytea := '';
BEGIN
  WHILE done < total LOOP
    grown := audit_grow_tree(done, grown,
      ARRAY(SELECT leaf_hash FROM audit_log WHERE position > done AND position <= done + 65536 ORDER BY position));
    done := least(done + 65536, total);
  END LOOP;
  UPDATE audit_head SET edge = grown, root_hash = audit_root(grown);
END $$;

-- What one event of the type audit.loss declares. Nothing that anybody writes there may stop the log.
CREATE OR REPLACE FUNCTION audit_lost(entry text) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN jsonb_typeof(declared) = 'number' THEN least(greatest(declared::numeric, 0), 1e15)::bigint ELSE 0 END
  FROM (SELECT coalesce(split_part(entry, E'\n', 1)::jsonb -> 'metadata', audit_disclosed(entry, 'metadata')) -> 'count' AS declared) metadata
$$;

-- As before, of the entry in an event's first line. The address is a disclosure in the others: audit_disclosed written out, because
-- PostgreSQL calls a function that it cannot inline, which takes four times as long (measured: 22 and 5 us).
CREATE OR REPLACE FUNCTION audit_columns(event text)
RETURNS TABLE (id uuid, occurred_at timestamptz, event_type text, actor_type text, actor_id text, flag_key text,
  schedule_id uuid, environment text, workspace_id text, resource_type text, resource_id text, request_id text,
  api_key_id text, ip_address text, result text,
  all_environments boolean)
LANGUAGE sql STABLE AS $$
  SELECT (e ->> 'id')::uuid, (e ->> 'timestamp')::timestamptz, e ->> 'eventType', e #>> '{actor,type}', e #>> '{actor,id}',
    e ->> 'flagKey', (e ->> 'scheduleId')::uuid, e ->> 'environment', e ->> 'workspaceId', e #>> '{resource,type}',
    e #>> '{resource,id}', e #>> '{requestContext,requestId}', e #>> '{requestContext,apiKeyId}',
    coalesce(e #>> '{requestContext,ipAddress}', (SELECT line::jsonb ->> 2 FROM string_to_table(event, E'\n') AS line
      WHERE left(line, 2) = '["' AND starts_with(substr(line, 25, 14), '","ipAddress",') LIMIT 1)), e ->> 'result',
    coalesce((e ->> 'allEnvironments')::boolean, false)
  FROM (SELECT split_part(event, E'\n', 1)::jsonb AS e OFFSET 0) parsed
$$;

-- As before; an entry with digests is at most as long as a tile can serve it (C2SP tlog-tiles).
CREATE OR REPLACE FUNCTION audit_entry_is_valid(event text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
  c record;
  entry text := split_part(event, E'\n', 1);
BEGIN
  SELECT * INTO c FROM audit_columns(event);
  RETURN num_nulls(c.id, c.occurred_at, c.event_type, c.actor_type, c.actor_id, c.environment, c.result) = 0
    AND greatest(octet_length(c.event_type), octet_length(c.actor_id), octet_length(c.flag_key), octet_length(c.resource_id),
      octet_length(c.request_id), octet_length(c.workspace_id), octet_length(c.api_key_id), octet_length(c.ip_address)) <= 2000
    AND (octet_length(entry) <= 65535 OR NOT starts_with(entry, '{"_sd'))
    -- The sequencer reads what a loss declares.
    AND (c.event_type <> 'audit.loss' OR audit_lost(event) IS NOT NULL);
END $$;

-- As before, and it grows the tree, in the same transaction.
CREATE OR REPLACE FUNCTION audit_sequence(max_rows integer) RETURNS integer LANGUAGE plpgsql AS $$
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
    RETURNING id AS queued, event
  ), fresh AS (
    SELECT DISTINCT ON (c.id) c.*, m.queued, m.event FROM moved m, audit_columns(m.event) c
    WHERE NOT EXISTS (SELECT 1 FROM audit_log l WHERE l.id = c.id) ORDER BY c.id, m.queued
  ), placed AS (
    SELECT head.size + row_number() OVER (ORDER BY queued) AS position, fresh.*, split_part(event, E'\n', 1) AS entry FROM fresh
  ), appended AS (
    INSERT INTO audit_log (position, id, sealed_at, occurred_at, event_type, actor_type, actor_id, flag_key, schedule_id,
      environment, workspace_id, resource_type, resource_id, request_id, api_key_id, result, all_environments, entry, leaf_hash)
    SELECT position, id, sealed, occurred_at, event_type, actor_type, actor_id, flag_key, schedule_id, environment, workspace_id,
      resource_type, resource_id, request_id, api_key_id, result, all_environments, entry,
      sha256('\x00'::bytea || convert_to(entry, 'UTF8'))
    FROM placed RETURNING position, leaf_hash
  ), disclosed AS (
    INSERT INTO audit_disclosures (position, disclosures, ip_address)
    SELECT position, substr(event, length(entry) + 2), ip_address FROM placed
    WHERE ip_address IS NOT NULL OR length(event) > length(entry)
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
