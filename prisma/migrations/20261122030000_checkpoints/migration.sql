-- Why:   the log is signed: a checkpoint says which root the first entries have (C2SP tlog-checkpoint). The database keeps them, and
--        refuses a second root for a size, whoever signed it. A log that must go on after a restore gets a new epoch.
-- Locks: ACCESS EXCLUSIVE on audit_head, for a moment: the new columns have constant defaults.
-- Undo:  DROP TABLE audit_checkpoints; DROP FUNCTION audit_checkpoint_fits, audit_checkpoints_are_append_only;
--        ALTER TABLE audit_head DROP COLUMN epoch, DROP COLUMN signing_key;
--        then delete this migration's row from _prisma_migrations.

-- signing_key: the verifier line of the key that signs the log now; null while nobody has signed yet.
ALTER TABLE audit_head ADD COLUMN epoch integer NOT NULL DEFAULT 1, ADD COLUMN signing_key text;

CREATE TABLE audit_checkpoints (
  epoch     integer        NOT NULL,
  size      bigint         NOT NULL,
  root_hash bytea          NOT NULL CONSTRAINT audit_checkpoints_root_hash CHECK (octet_length(root_hash) = 32),
  -- The signed note, as anybody can verify it.
  note      text           NOT NULL,
  signed_at timestamptz(3) NOT NULL,
  -- Two roots of one size would be a fork.
  PRIMARY KEY (epoch, size)
);

-- A checkpoint is about the log as it is committed.
CREATE FUNCTION audit_checkpoint_fits() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  head audit_head%ROWTYPE;
BEGIN
  SELECT * INTO head FROM audit_head;
  IF NEW.epoch <> head.epoch THEN
    RAISE EXCEPTION 'a checkpoint of epoch % refused: the log is in epoch %', NEW.epoch, head.epoch USING ERRCODE = 'check_violation';
  ELSIF NEW.size < 0 OR NEW.size > head.size THEN
    RAISE EXCEPTION 'a checkpoint of % entries refused: the log has %', NEW.size, head.size USING ERRCODE = 'check_violation';
  ELSIF NEW.size = head.size AND NEW.root_hash <> head.root_hash THEN
    RAISE EXCEPTION 'a checkpoint of % entries refused: its root is not that of the log', NEW.size USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER audit_checkpoints_fit BEFORE INSERT ON audit_checkpoints
  FOR EACH ROW EXECUTE FUNCTION audit_checkpoint_fits();

CREATE FUNCTION audit_checkpoints_are_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'audit_checkpoints is append-only: % refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_checkpoints_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_checkpoints
  FOR EACH STATEMENT EXECUTE FUNCTION audit_checkpoints_are_append_only();
