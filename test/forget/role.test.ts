import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { grantsFor, serviceRights } from '../../src/database/grants.ts';
import { atTestEnd } from '../support/at-test-end.ts';
import { createPostgresDatabase, type PostgresTestDatabase } from '../support/databases.ts';
import { startTestService } from '../support/service.ts';
import { anAdmin, makeSpine } from '../support/spine.ts';
import { logSize, readLog } from '../support/tables.ts';
import { SERVICE_ROLE } from '../support/templates.ts';

/** A connection of the role that `flagtrail migrate --grants` makes. */
const connect = async ({ url }: PostgresTestDatabase) => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  atTestEnd(() => client.end());
  return client;
};
const aLog = async () => {
  const db = await createPostgresDatabase();
  const spine = await makeSpine(db.database);
  for (let n = 0; n < 3; n++) await spine.createFlag(anAdmin(), { key: `flag-${n}`, name: 'f' });
  await spine.sequence();
  return { db, spine };
};

describe('the role of the service', () => {
  it('runs all of it, and the log is whole', async () => {
    const db = await createPostgresDatabase();
    const service = await startTestService({ databaseUrl: db.url });
    const [{ user } = { user: '' }] = await db.sql<{ user: string }>(
      `SELECT DISTINCT usename AS user FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'flagtrail %'`,
    );
    expect(user).toBe(SERVICE_ROLE);
    const run = async (field: string, input: string) => {
      const { data, errors } = await service.gql<Record<string, object>>(
        `mutation { ${field}(input: ${input}) { __typename ... on Error { message } } }`,
      );
      expect([field, errors, data?.[field]]).toEqual([
        field,
        undefined,
        expect.not.objectContaining({ message: expect.anything() }),
      ]);
    };
    const soon = new Date(Date.now() + 1500).toISOString();
    await run('createFlag', '{ key: "checkout", name: "Checkout" }');
    await run('createSchedule', `{ flagKey: "checkout", scheduledAt: "${soon}", updates: { enabled: true } }`);
    await run('createEnvironment', '{ key: "qa", name: "QA" }');
    await run('deleteEnvironment', '{ key: "qa" }');
    await run('createApiKey', '{ name: "shop" }');
    await run('recordAuditEvents', '{ events: [{ id: "01900000-0000-7000-8000-000000000001", type: "login", userId: "ada" }] }');
    await expect
      .poll(async () => (await readLog(db)).map(({ eventType }) => eventType), { timeout: 20_000 })
      .toContain('flag_schedule.applied');
    await run('erasePerson', '{ actorId: "ada", reason: "test" }');
    await run('deleteFlag', '{ flagKey: "checkout" }');
    await expect.poll(async () => (await readLog(db)).at(-1)?.eventType).toBe('flag.deleted');
    await expect.poll(() => db.sql('SELECT 1 FROM audit_erasures WHERE done_to < up_to')).toEqual([]);
    expect((await fetch(`${service.url}/readyz`)).status).toBe(200);
    const { data } = await service.gql<{ serviceStatus: { warnings: string[] } }>('{ serviceStatus { warnings } }');
    expect(data?.serviceStatus.warnings).toEqual([]);
    await service.stop();
    expect(service.lines.filter((line) => line.includes('permission denied'))).toEqual([]);
  });

  it('cannot change the log, its tree, its checkpoints, or what guards them', async () => {
    const { db } = await aLog();
    const before = await readLog(db);
    const client = await connect(db);
    const tables = ['audit_log', 'audit_tiles', 'audit_disclosures', 'audit_erasures', 'audit_head', 'audit_checkpoints'];
    const statements = [
      ...tables.flatMap((table) => [
        `DELETE FROM ${table}`,
        `TRUNCATE ${table}`,
        `ALTER TABLE ${table} DISABLE TRIGGER ALL`,
        `DROP TABLE ${table}`,
        `CREATE TRIGGER mine BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()`,
      ]),
      ...tables.filter((table) => table !== 'audit_checkpoints').map((table) => `INSERT INTO ${table} SELECT * FROM ${table}`),
      `UPDATE audit_log SET flag_key = 'other'`,
      `UPDATE audit_tiles SET hashes = ''`,
      `UPDATE audit_disclosures SET disclosures = ''`,
      'UPDATE audit_erasures SET done_to = 0',
      'UPDATE audit_head SET size = 1',
      'UPDATE audit_head SET pruned_to = 0',
      'UPDATE audit_head SET epoch = 2',
      `UPDATE audit_checkpoints SET note = ''`,
      'DROP TRIGGER audit_log_append_only ON audit_log',
      'DROP FUNCTION audit_sequence(integer)',
      'CREATE OR REPLACE FUNCTION audit_forget(disclosures text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT $$',
      'CREATE TABLE public.mine ()',
      'CREATE FUNCTION public.mine() RETURNS integer LANGUAGE sql AS $$ SELECT 1 $$',
      'SET session_replication_role = replica',
      'DELETE FROM audit_outbox',
      `UPDATE audit_outbox SET event = ''`,
      `INSERT INTO _prisma_migrations (id) VALUES ('mine')`,
    ];
    for (const statement of statements)
      await expect(client.query(statement), statement).rejects.toThrow(
        /permission denied|must be owner|must be able to SET ROLE/,
      );
    expect(await readLog(db)).toEqual(before);
  });

  it('cannot put tables of its own in the way of the functions that write the log', async () => {
    const { db, spine } = await aLog();
    const client = await connect(db);
    for (const table of ['audit_log', 'audit_head', 'audit_outbox', 'audit_tiles', 'audit_disclosures', 'audit_erasures'])
      await client.query(`CREATE TEMP TABLE ${table} (LIKE public.${table} INCLUDING ALL)`);
    await client.query('CREATE FUNCTION pg_temp.audit_forget(text) RETURNS text LANGUAGE sql AS $$ SELECT $1 $$');
    await spine.createFlag(anAdmin(), { key: 'another', name: 'f' });
    expect((await client.query('SELECT audit_sequence(10) AS taken')).rows).toEqual([{ taken: 1 }]);
    expect(await logSize(db)).toBe(4);
    expect((await client.query(`SELECT events FROM audit_begin_erasure('admin-a')`)).rows).toEqual([{ events: '4' }]);
    while ((await client.query('SELECT audit_erase(10) AS more')).rows[0]?.more);
    expect((await readLog(db)).map(({ actor }) => actor.email)).toEqual([null, null, null, null]);
  });

  it('has exactly the rights that are written down, on every table that there is', async () => {
    const db = await createPostgresDatabase();
    const found = async () =>
      Object.fromEntries(
        (
          await db.sql<{ table: string; rights: string | null }>(
            `SELECT c.relname AS table, (SELECT string_agg(p, ', ' ORDER BY n) FROM unnest(
                ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) WITH ORDINALITY AS r (p, n)
                WHERE has_table_privilege($1, c.oid, p)) AS rights
              FROM pg_class c WHERE relkind IN ('r', 'v', 'p') AND relnamespace = 'public'::regnamespace`,
            [SERVICE_ROLE],
          )
        ).map(({ table, rights }) => [table, rights]),
      );
    expect(await found()).toEqual(serviceRights);
    await db.sql(`GRANT ALL ON audit_log, environments TO ${SERVICE_ROLE}`);
    await db.database.runScript(grantsFor(SERVICE_ROLE));
    expect(await found()).toEqual(serviceRights);
  });

  it('is no superuser, and not the owner of the log: such a role is refused, and has got nothing', async () => {
    const db = await createPostgresDatabase();
    await expect(db.database.runScript(grantsFor('postgres'))).rejects.toThrow(
      'the role postgres owns the log, or can act as its owner',
    );
    await db.sql('ROLLBACK');
  });

  it('still refuses an entry at the door that the sequencer could not move', async () => {
    const { db } = await aLog();
    const client = await connect(db);
    const { rows } = await client.query('SELECT audit_emit($1::text[]) AS taken', [['{}']]);
    expect(rows).toEqual([{ taken: null }]);
  });
});
