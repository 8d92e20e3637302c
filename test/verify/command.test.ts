import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { acquireDataDirectory } from '../../src/database/data-directory-lock.ts';
import { aLogin } from '../support/attacked-log.ts';
import { createPGliteDatabase, createPostgresDatabase, type TestDatabase } from '../support/databases.ts';
import { emitEvents } from '../support/emit.ts';
import { logNameOf, makeLogSigner, signLog } from '../support/log-signer.ts';
import { root } from '../support/serve-process.ts';
import { dataDirectory } from '../support/service.ts';
import { runVerify } from '../support/verify-command.ts';

const fill = async (database: TestDatabase) => {
  await emitEvents(
    database,
    Array.from({ length: 300 }, (_, n) => aLogin(n)),
  );
  await database.sql('SELECT audit_sequence(1000)');
  const signer = makeLogSigner(await logNameOf(database));
  await signLog(database, signer, [300]);
  return signer;
};

/** Runs the command line as a process of its own. */
const start = async (env: Record<string, string>, ...args: string[]) => {
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', path.join(root, 'src/main.ts'), 'verify', ...args],
    {
      env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    err += text;
  });
  const [code] = await once(child, 'close');
  return { code, out, err };
};

describe('flagtrail verify, as a process of its own', () => {
  it('ends with 0 for a good log and with 1 for one that was tampered with, on the database of the settings and on another one', async () => {
    const database = await createPostgresDatabase();
    const { line } = await fill(database);
    const good = await start({ DATABASE_URL: database.url }, '--key', line);
    expect(good).toMatchObject({ code: 0, out: expect.stringMatching(/^GOOD: 300 events, all of them signed; root \S{44}\n$/) });
    expect(good.err).toMatch(/^Log: flagtrail\/[0-9a-f-]{36}\nKey: flagtrail\/.*\nChecked:\n {2}entries +300/);
    await database.sql('SET session_replication_role = replica');
    await database.sql("UPDATE audit_log SET actor_id = 'eve' WHERE position = 7");
    const bad = await start({}, '--database', database.url, '--key', line, '--json');
    expect([bad.code, JSON.parse(bad.out), bad.err]).toEqual([
      1,
      expect.objectContaining({ finding: expect.objectContaining({ from: 7 }) }),
      '',
    ]);
  });

  it('ends with 2 where the database is not there, not migrated, or in use, and changes nothing', async () => {
    const empty = await createPostgresDatabase({ migrated: false });
    const folder = await dataDirectory();
    const lock = acquireDataDirectory(folder);
    const runs = await Promise.all([
      start({}, '--database', 'postgres://nobody:secret@127.0.0.1:1/nothing'),
      start({ DATABASE_URL: empty.url }),
      start({ DATA_DIR: folder }),
      start({ DATABASE_URL: 'nonsense' }),
    ]);
    lock.release();
    expect(runs.map(({ code }) => code)).toEqual([2, 2, 2, 2]);
    expect(runs[0]?.out).not.toContain('secret');
    expect(runs[1]?.out).toContain('the database has no table audit_log');
    expect(runs[2]?.out).toContain('in use');
    expect(await empty.sql("SELECT 1 FROM pg_tables WHERE schemaname = 'public'")).toEqual([]);
  });
});

it('verifies the embedded database as it does a server', async () => {
  const database = await createPGliteDatabase();
  const { line } = await fill(database);
  expect(await runVerify(['--key', line], { database })).toMatchObject({
    exitCode: 0,
    out: expect.stringContaining('GOOD: 300 events'),
  });
  await database.sql('SET session_replication_role = replica');
  await database.sql(`UPDATE audit_log SET entry = replace(entry, 'user-6"', 'user-9"') WHERE position = 7`);
  await database.sql('RESET session_replication_role');
  expect(await runVerify(['--key', line], { database })).toMatchObject({
    exitCode: 1,
    out: expect.stringContaining('TAMPERED at position 7 (entry): The entry at position 7 was changed'),
  });
});

it('verifies in a transaction that cannot write', async () => {
  const database = await createPGliteDatabase();
  const write = database.database.readSnapshot((query) => query('DELETE FROM audit_outbox'));
  await expect(write).rejects.toThrow(/read-only transaction/);
  const server = await createPostgresDatabase();
  await expect(server.database.readSnapshot((query) => query('DELETE FROM audit_outbox'))).rejects.toThrow(
    /read-only transaction/,
  );
  expect(await server.database.readSnapshot((query) => query<{ one: number }>('SELECT $1::int AS one', 1))).toEqual([{ one: 1 }]);
});
