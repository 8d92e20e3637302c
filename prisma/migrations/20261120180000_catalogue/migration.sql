-- Why:   flags get variants and a status; their states rules, overrides, experiments and emergency overrides; API keys.
-- Locks: ACCESS EXCLUSIVE on feature_flags and feature_flag_states for an instant: defaults are constants, so no row is rewritten;
--        the status CHECK reads feature_flags once.
-- Undo:  DROP TABLE api_keys;
--        ALTER TABLE feature_flag_states DROP COLUMN rules, DROP COLUMN overrides, DROP COLUMN experiment, DROP COLUMN emergency;
--        ALTER TABLE feature_flags DROP COLUMN variants, DROP COLUMN status, DROP COLUMN version,
--          DROP COLUMN last_status_scheduled_at, DROP COLUMN last_status_schedule_id;
--        then delete this migration's row from _prisma_migrations.

ALTER TABLE feature_flags
  ADD COLUMN variants jsonb NOT NULL DEFAULT '[]',
  ADD COLUMN status varchar(16) NOT NULL DEFAULT 'ACTIVE'
    CONSTRAINT feature_flags_status CHECK (status IN ('ACTIVE', 'DEPRECATED', 'ARCHIVED')),
  ADD COLUMN version integer NOT NULL DEFAULT 1,
  ADD COLUMN last_status_scheduled_at timestamptz(3),
  ADD COLUMN last_status_schedule_id uuid;

ALTER TABLE feature_flag_states
  ADD COLUMN rules jsonb NOT NULL DEFAULT '[]',
  ADD COLUMN overrides jsonb NOT NULL DEFAULT '[]',
  ADD COLUMN experiment jsonb,
  ADD COLUMN emergency jsonb;

CREATE TABLE api_keys (
  id           uuid           PRIMARY KEY,
  name         varchar(255)   NOT NULL,
  prefix       varchar(16)    NOT NULL,
  hash         bytea          NOT NULL,
  roles        text[]         NOT NULL DEFAULT ARRAY[]::text[],
  created_at   timestamptz(3) NOT NULL,
  created_by   varchar(255),
  expires_at   timestamptz(3),
  last_used_at timestamptz(3),
  revoked_at   timestamptz(3),
  revoked_by   varchar(255)
);
CREATE UNIQUE INDEX api_keys_prefix ON api_keys (prefix);
