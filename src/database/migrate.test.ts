import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { PGlite } from '@electric-sql/pglite';
import { describe, expect, it, onTestFinished } from 'vitest';
import { migrationListOf, NO_FILTERS, openSchemaEngine } from '../../scripts/schema-engine.ts';
import { createPostgresDatabase, databases, loadPGlite, type TestDatabase, wrapPGlite } from '../../test/support/databases.ts';
import { MigrationRefusedError, migrate, migrationStatus, pendingMigrations } from './migrate.ts';
import { checksumOf, defaultMigrationsFolder } from './migration-files.ts';

const schemaFile = path.join(defaultMigrationsFolder(), '..', 'schema.prisma');

/** A migrations folder of the test's own. */
const makeFolder = (migrations: Record<string, string>): string => {
  const folder = mkdtempSync(path.join(tmpdir(), 'flagtrail-migrations-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(path.join(folder, 'migration_lock.toml'), 'provider = "postgresql"\n');
  for (const [name, sql] of Object.entries(migrations)) addMigration(folder, name, sql);
  return folder;
};
const addMigration = (folder: string, name: string, sql: string): void => {
  mkdirSync(path.join(folder, name));
  writeFileSync(path.join(folder, name, 'migration.sql'), sql);
};
const two = {
  '20250101000000_first': 'CREATE TABLE first (id integer);\nINSERT INTO first VALUES (1)',
  '20250102000000_second': "CREATE FUNCTION it_s() RETURNS text LANGUAGE sql AS $$ SELECT 'it''s' $$; -- no newline at the end",
};

describe.each(databases)('migrate on $kind', ({ createDatabase }) => {
  it('applies what is pending, in order, and tells each name before it', async () => {
    await using test = await createDatabase({ migrated: false });
    const folder = makeFolder(two);
    expect(await pendingMigrations(test.database, folder)).toEqual(Object.keys(two));
    const told: string[] = [];
    const status = await migrate(test.database, folder, { onProgress: (name) => told.push(name) });
    expect(told).toEqual(Object.keys(two));
    expect(status).toEqual({ applied: Object.keys(two), pending: [], unknown: [] });
    expect(await test.sql('SELECT id, it_s() FROM first')).toEqual([{ id: 1, it_s: "it's" }]);
  });

  it('does nothing the second time, and only what is new the third', async () => {
    await using test = await createDatabase({ migrated: false });
    const folder = makeFolder(two);
    await migrate(test.database, folder);
    const told: string[] = [];
    await migrate(test.database, folder, { onProgress: (name) => told.push(name) });
    expect(told).toEqual([]);
    addMigration(folder, '20250103000000_third', 'CREATE TABLE third ()');
    await migrate(test.database, folder, { onProgress: (name) => told.push(name) });
    expect(told).toEqual(['20250103000000_third']);
  });

  it('asks for nothing and makes nothing in an empty database when only looking', async () => {
    await using test = await createDatabase({ migrated: false });
    await migrationStatus(test.database);
    expect(await test.sql("SELECT to_regclass('_prisma_migrations')::text AS found")).toEqual([{ found: null }]);
  });

  it('leaves nothing of a migration whose SQL fails half-way, and applies it once it is repaired', async () => {
    await using test = await createDatabase({ migrated: false });
    const folder = makeFolder({ ...two, '20250103000000_bad': 'CREATE TABLE half (); SELECT 1 / 0;' });
    await expect(migrate(test.database, folder)).rejects.toThrow(/'20250103000000_bad' failed.*division by zero/s);
    expect(await test.sql("SELECT to_regclass('half')::text AS half, to_regclass('first')::text AS first")).toEqual([
      { half: null, first: 'first' },
    ]);
    writeFileSync(path.join(folder, '20250103000000_bad', 'migration.sql'), 'CREATE TABLE half ();');
    expect((await migrate(test.database, folder)).pending).toEqual([]);
  });

  it('refuses a migration that was edited after it had been applied', async () => {
    await using test = await createDatabase({ migrated: false });
    const folder = makeFolder(two);
    await migrate(test.database, folder);
    appendFileSync(path.join(folder, '20250101000000_first', 'migration.sql'), '\n-- edited');
    const refusal = expect.objectContaining({
      message: expect.stringMatching(/'20250101000000_first' was edited.*restore its file/),
    });
    await expect(pendingMigrations(test.database, folder)).rejects.toThrow(refusal);
    await expect(migrate(test.database, folder)).rejects.toThrow(MigrationRefusedError);
  });

  it('takes a file for the same when only its line endings have changed', async () => {
    await using test = await createDatabase({ migrated: false });
    const folder = makeFolder(two);
    await migrate(test.database, folder);
    writeFileSync(
      path.join(folder, '20250101000000_first', 'migration.sql'),
      two['20250101000000_first'].replaceAll('\n', '\r\n'),
    );
    expect(await pendingMigrations(test.database, folder)).toEqual([]);
  });

  it('refuses a migration that Prisma has begun and not finished, until it is marked as rolled back', async () => {
    await using test = await createDatabase({ migrated: false });
    const folder = makeFolder(two);
    await migrate(test.database, folder);
    await test.sql("UPDATE _prisma_migrations SET finished_at = NULL WHERE migration_name = '20250102000000_second'");
    await expect(migrate(test.database, folder)).rejects.toThrow(
      /never finished.*migrate resolve --rolled-back 20250102000000_second/,
    );
    await test.sql('UPDATE _prisma_migrations SET rolled_back_at = now() WHERE finished_at IS NULL');
    expect(await pendingMigrations(test.database, folder)).toEqual(['20250102000000_second']);
  });

  it('runs on with migrations of a newer release, and names them; refuses unknown ones older than its own', async () => {
    await using test = await createDatabase({ migrated: false });
    const folder = makeFolder(two);
    await migrate(test.database, folder);
    renameSync(path.join(folder, '20250102000000_second'), path.join(tmpdir(), `${path.basename(folder)}-gone`));
    onTestFinished(() => rmSync(path.join(tmpdir(), `${path.basename(folder)}-gone`), { recursive: true }));
    expect(await migrate(test.database, folder)).toEqual({
      applied: ['20250101000000_first'],
      pending: [],
      unknown: ['20250102000000_second'],
    });
    addMigration(folder, '20250103000000_third', 'CREATE TABLE third ()');
    await expect(migrate(test.database, folder)).rejects.toThrow(/'20250102000000_second', which this release does not know/);
  });
});

describe('several processes that migrate one PostgreSQL at once', () => {
  /** How many sessions wait for the number that Prisma's own engine locks. */
  const waitingIn = (test: TestDatabase) => () =>
    test.sql(
      "SELECT count(*) AS n FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    );

  it('apply each migration once, and all succeed', async () => {
    await using test = await createPostgresDatabase({ migrated: false });
    const folder = makeFolder(two);
    const told: string[] = [];
    // All of them have found an empty database before the first goes on.
    await test.sql('SELECT pg_advisory_lock(72707369)');
    const migrating = Promise.all(
      Array.from({ length: 8 }, () => migrate(test.database, folder, { onProgress: (name) => told.push(name) })),
    );
    await expect.poll(waitingIn(test), { timeout: 20_000 }).toEqual([{ n: 8 }]);
    await test.sql('SELECT pg_advisory_unlock(72707369)');
    const statuses = await migrating;
    expect(statuses).toEqual(Array.from({ length: 8 }, () => ({ applied: Object.keys(two), pending: [], unknown: [] })));
    expect(told.length).toBeGreaterThan(2);
    expect(await test.sql('SELECT count(*) AS n FROM first')).toEqual([{ n: 1 }]);
    expect(await test.sql('SELECT count(*) AS n FROM _prisma_migrations')).toEqual([{ n: 2 }]);
  });

  it("wait for Prisma's own engine, which locks the same number", async () => {
    await using test = await createPostgresDatabase({ migrated: false });
    await test.sql('SELECT pg_advisory_lock(72707369)');
    const migrating = migrate(test.database, makeFolder(two));
    await expect.poll(waitingIn(test), { timeout: 20_000 }).toEqual([{ n: 1 }]);
    await test.sql('SELECT pg_advisory_unlock(72707369)');
    expect((await migrating).pending).toEqual([]);
  });
});

describe("Prisma's own schema engine", () => {
  const openBoth = async () => {
    const pglite = await loadPGlite('empty');
    onTestFinished(() => pglite.close());
    return { pglite, database: wrapPGlite(pglite), engine: await openSchemaEngine(pglite, schemaFile) };
  };
  const historyOf = async (engine: Awaited<ReturnType<typeof openSchemaEngine>>, folder: string) =>
    engine.diagnoseMigrationHistory({
      migrationsList: migrationListOf(folder),
      optInToShadowDatabase: false,
      filters: NO_FILTERS,
    });
  const columnsOf = async (pglite: PGlite) =>
    (
      await pglite.query(
        `SELECT column_name, data_type, character_maximum_length, is_nullable, column_default FROM information_schema.columns
         WHERE table_name = '_prisma_migrations' ORDER BY ordinal_position`,
      )
    ).rows;

  it('finds nothing to apply and nothing edited in a database that we migrated', async () => {
    const { database, engine } = await openBoth();
    const folder = defaultMigrationsFolder();
    await migrate(database, folder);
    expect(await historyOf(engine, folder)).toMatchObject({
      hasMigrationsTable: true,
      history: null,
      editedMigrationNames: [],
      failedMigrationNames: [],
    });
    const applied = await engine.applyMigrations({ migrationsList: migrationListOf(folder), filters: NO_FILTERS });
    expect(applied.appliedMigrationNames).toEqual([]);
  });

  it('sees the same migrations as pending and as edited as we do', async () => {
    const { database, engine } = await openBoth();
    const folder = makeFolder(two);
    await migrate(database, folder);
    addMigration(folder, '20250103000000_third', 'CREATE TABLE third ()');
    expect((await historyOf(engine, folder)).history).toEqual({
      diagnostic: 'databaseIsBehind',
      unappliedMigrationNames: await pendingMigrations(database, folder),
    });
    appendFileSync(path.join(folder, '20250101000000_first', 'migration.sql'), '\n-- edited');
    expect((await historyOf(engine, folder)).editedMigrationNames).toEqual(['20250101000000_first']);
  });

  it('and this runner carry on where the other has stopped, with the same table and the same rows', async () => {
    const ours = await openBoth();
    const theirs = await openBoth();
    const folder = makeFolder(two);
    await migrate(ours.database, folder);
    await theirs.engine.applyMigrations({ migrationsList: migrationListOf(folder), filters: NO_FILTERS });
    expect(await columnsOf(ours.pglite)).toEqual(await columnsOf(theirs.pglite));
    const rows = 'SELECT checksum, migration_name, logs, rolled_back_at, applied_steps_count FROM _prisma_migrations ORDER BY 2';
    expect((await ours.pglite.query(rows)).rows).toEqual((await theirs.pglite.query(rows)).rows);

    addMigration(folder, '20250103000000_third', 'CREATE TABLE third ();');
    expect((await migrate(theirs.database, folder)).pending).toEqual([]);
    const applied = await ours.engine.applyMigrations({ migrationsList: migrationListOf(folder), filters: NO_FILTERS });
    expect(applied.appliedMigrationNames).toEqual(['20250103000000_third']);
    expect((await migrationStatus(ours.database, folder)).pending).toEqual([]);
  });
});

it('checksums are the SHA-256 of the file in hexadecimal', () => {
  expect(checksumOf('hello')).toBe('2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824');
});
