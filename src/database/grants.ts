/** What a process of the service does with each table. The log itself is only read: it is appended to by functions of its owner. */
export const serviceRights: Readonly<Record<string, string>> = {
  environments: 'SELECT, INSERT, UPDATE, DELETE',
  feature_flags: 'SELECT, INSERT, UPDATE, DELETE',
  feature_flag_states: 'SELECT, INSERT, UPDATE, DELETE',
  feature_flag_schedules: 'SELECT, INSERT, UPDATE',
  api_keys: 'SELECT, INSERT, UPDATE',
  service_processes: 'SELECT, INSERT, UPDATE, DELETE',
  sink_cursors: 'SELECT, INSERT, UPDATE',
  audit_outbox: 'SELECT, INSERT',
  audit_log: 'SELECT',
  audit_disclosures: 'SELECT',
  audit_tiles: 'SELECT',
  audit_head: 'SELECT',
  audit_erasures: 'SELECT',
  audit_checkpoints: 'SELECT, INSERT',
  _prisma_migrations: 'SELECT',
};
/** Columns of tables that are otherwise only read. A process writes down the key with which it signs a log that nobody has signed. */
const columnRights = ['UPDATE (signing_key) ON audit_head'];
const sequences = ['audit_outbox_id_seq'];
/** Those that statements of the service call, and those that these call with the caller's rights. */
const functions = [
  ...[
    'audit_emit(text[])',
    'audit_entry_is_valid(text)',
    'audit_columns(text)',
    'audit_lost(text)',
    'audit_disclosed(text, text)',
  ],
  ...['audit_shown(text, bigint, text)', 'audit_is_erased(text, bigint)', 'audit_forget(text)'],
  // With the rights of the log's owner.
  ...['audit_sequence(integer)', 'audit_begin_erasure(text)', 'audit_erase(integer)'],
];

/** The name under which `flagtrail migrate --grants` grants, unless it is given another one. */
export const defaultServiceRole = 'flagtrail_service';

/**
 * SQL that gives a role what the service needs, and takes from it everything else on Flagtrail's tables. It can be run again. Run
 * it as the owner of the tables, after each migration.
 */
export const grantsFor = (roleName: string): string => {
  const role = quoteName(roleName);
  const [name, tables] = [quoteText(roleName), Object.entries(serviceRights)];
  return `-- What the service needs, and nothing more: this role appends to the log, and cannot change or remove what is there.
-- Run it as the owner of the tables, in Flagtrail's database, after 'flagtrail migrate'. It can be run again.
BEGIN;
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = ${name}) THEN CREATE ROLE ${role}; END IF;
  IF (SELECT rolsuper FROM pg_roles WHERE rolname = ${name})
    OR pg_has_role(${name}, (SELECT relowner FROM pg_class WHERE oid = 'audit_log'::regclass), 'MEMBER') THEN
    RAISE EXCEPTION 'the role % owns the log, or can act as its owner, so no grant limits it: name another one', ${name};
  END IF;
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO ${role.replaceAll("'", "''")}', current_database());
END $$;
GRANT USAGE ON SCHEMA public TO ${role};
REVOKE CREATE ON SCHEMA public FROM ${role};
REVOKE ALL ON ${tables.map(([table]) => table).join(', ')} FROM ${role};
${tables.map(([table, rights]) => `GRANT ${rights} ON ${table} TO ${role};`).join('\n')}
${columnRights.map((right) => `GRANT ${right} TO ${role};`).join('\n')}
REVOKE ALL ON SEQUENCE ${sequences.join(', ')} FROM ${role};
GRANT USAGE ON SEQUENCE ${sequences.join(', ')} TO ${role};
GRANT EXECUTE ON FUNCTION ${functions.join(', ')} TO ${role};
COMMIT;
-- Then give it a way to sign in, for example: ALTER ROLE ${role} LOGIN PASSWORD '…';
-- As a superuser, so that 'flagtrail status' can name sessions of others that hold a lock: GRANT pg_read_all_stats TO ${role};
`;
};

const quoteName = (name: string): string => `"${name.replaceAll('"', '""')}"`;
const quoteText = (text: string): string => `'${text.replaceAll("'", "''")}'`;
