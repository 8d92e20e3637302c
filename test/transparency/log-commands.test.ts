import { mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { openNote, verifierLine } from '../../src/transparency/signing/ed25519-notes.ts';
import { newSigningKey, parseSigningKey } from '../../src/transparency/signing/signing-key.ts';
import { createPostgresDatabase, type TestDatabase } from '../support/databases.ts';
import { growingLog } from '../support/growing-log.ts';
import { logKey } from '../support/log-key.ts';
import { request } from '../support/raw-http.ts';
import { runCommand } from '../support/run-command.ts';
import { dataDirectory, startTestService, type TestService, temporaryFolder } from '../support/service.ts';
import { readEventsOfType } from '../support/tables.ts';
import { testAuthentication } from '../support/tokens.ts';

const patiently = { timeout: 25_000, interval: 100 };
const until = <T>(read: () => T | Promise<T>) => expect.poll(read, patiently);

const nameOf = async ({ sql }: Pick<TestDatabase, 'sql'>): Promise<string> => {
  const [row] = await sql<{ log_id: string }>('SELECT log_id FROM audit_head');
  return `flagtrail/${row?.log_id}`;
};
const notesOf = ({ sql }: Pick<TestDatabase, 'sql'>) =>
  sql<{ epoch: number; size: number; note: string }>('SELECT epoch, size::int, note FROM audit_checkpoints ORDER BY epoch, size');
const sizesOf = async (db: Pick<TestDatabase, 'sql'>) => (await notesOf(db)).map(({ epoch, size }) => `${epoch}:${size}`);
/** A key in a file. */
const aKeyFile = () => {
  const [file, pem] = [path.join(temporaryFolder(), 'log.key'), newSigningKey()];
  writeFileSync(file, pem);
  return { file, lineOf: (name: string) => verifierLine(name, parseSigningKey(pem)) };
};
const createFlag = ({ gql }: TestService, key: string) =>
  gql('mutation ($key: String!) { createFlag(input: { key: $key, name: "F" }) { __typename } }', { key });
const warningsAt = async ({ url }: { url: string }): Promise<string[]> => (await request(`${url}/readyz`)).body.warnings;
const signingStopped = async ({ url }: { url: string }) =>
  /^flagtrail_signing_stopped (\d)$/m.exec((await request(`${url}/metrics`)).text)?.[1];
const errorsOf = ({ lines }: TestService) =>
  lines.map((line) => JSON.parse(line)).flatMap(({ level, msg }) => (level === 50 ? [msg as string] : []));

describe('flagtrail log key', () => {
  it('prints the line of the key that signs, and warns of another one in LOG_SIGNING_KEY', async () => {
    const database = await createPostgresDatabase();
    const name = await nameOf(database);
    const own = aKeyFile();
    const before = await runCommand(['log', 'key'], { DATABASE_URL: database.ownerUrl, LOG_SIGNING_KEY: own.file });
    expect(before).toEqual({ code: 0, out: `${own.lineOf(name)}\n`, err: '' });
    await startTestService({ databaseUrl: database.url });
    await until(() => sizesOf(database)).toEqual(['1:0']);
    const line = verifierLine(name, parseSigningKey(logKey));
    expect(await runCommand(['log', 'key'], { DATABASE_URL: database.url })).toEqual({ code: 0, out: `${line}\n`, err: '' });
    const after = await runCommand(['log', 'key'], { DATABASE_URL: database.ownerUrl, LOG_SIGNING_KEY: own.file });
    expect(after).toMatchObject({
      code: 0,
      out: `${line}\n`,
      err: expect.stringContaining(`another one, which does not sign this log: ${own.lineOf(name)}`),
    });
    const lost = await runCommand(['log', 'key'], { DATABASE_URL: database.url, LOG_SIGNING_KEY: '/not/there' });
    expect(lost).toEqual({ code: 0, out: `${line}\n`, err: '' });
    // It verifies what is signed.
    const [{ note } = { note: '' }] = await notesOf(database);
    expect(openNote(note, [after.out.trim()])).toContain(`${name}\n0\n`);
  });

  it('asks the service that has the embedded database open', async () => {
    const dataDir = await dataDirectory();
    const service = await startTestService({ dataDir, env: testAuthentication });
    const { port } = new URL(service.url);
    await until(
      async () => (await runCommand(['log', 'key'], { ...testAuthentication, DATA_DIR: dataDir, PORT: port })).out,
    ).toMatch(/^flagtrail\/[0-9a-f-]{36}\+[0-9a-f]{8}\+\S+\n$/);
  });
});

describe('flagtrail log new-key', () => {
  it('makes a key that the service takes, for its owner alone, and overwrites none', async () => {
    const file = path.join(mkdtempSync(path.join(temporaryFolder(), 'keys-')), 'log.key');
    expect(await runCommand(['log', 'new-key', '--output', file])).toMatchObject({ code: 0, out: '' });
    expect(parseSigningKey(readFileSync(file, 'utf8')).asymmetricKeyType).toBe('ed25519');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(await runCommand(['log', 'new-key', '--output', file])).toMatchObject({
      code: 1,
      err: expect.stringContaining('never overwritten'),
    });
    const printed = await runCommand(['log', 'new-key']);
    expect(parseSigningKey(printed.out).asymmetricKeyType).toBe('ed25519');
  });
});

describe('flagtrail log rotate-key', () => {
  it('has the old key sign the new one, which signs from then on; processes with the old key stop, and say what they need', async () => {
    const database = await createPostgresDatabase();
    const name = await nameOf(database);
    const service = await startTestService({ databaseUrl: database.url });
    await createFlag(service, 'one');
    await until(() => sizesOf(database)).toContain('1:1');

    const next = aKeyFile();
    const settings = { DATABASE_URL: database.ownerUrl, LOG_SIGNING_KEY: logKey };
    const rotated = await runCommand(['log', 'rotate-key', '--to', next.file, '--by', 'alice'], settings);
    expect(rotated).toMatchObject({
      code: 0,
      out: `${next.lineOf(name)}\n`,
      err: expect.stringContaining(`Set LOG_SIGNING_KEY to it (${next.file})`),
    });

    await until(async () => (await warningsAt(service)).join()).toContain(`the log is signed with the key ${next.lineOf(name)}`);
    expect(await signingStopped(service)).toBe('1');
    expect(errorsOf(service)).toEqual([
      expect.stringMatching(/^the log is not signed any more: .*set LOG_SIGNING_KEY to that key/),
    ]);
    expect(await createFlag(service, 'two')).toMatchObject({ data: { createFlag: { __typename: 'Flag' } } });

    const [event] = await readEventsOfType(database, 'log.key_rotated');
    const previousKey = verifierLine(name, parseSigningKey(logKey));
    expect(event).toMatchObject({
      actor: { type: 'SERVICE_ACCOUNT', id: 'flagtrail-log', name: 'flagtrail log, for alice' },
      metadata: { previousKey, newKey: next.lineOf(name), adminUserId: 'alice' },
    });
    expect(openNote(String(event?.metadata.handover), [previousKey])).toBe(`${next.lineOf(name)}\n`);

    await startTestService({ databaseUrl: database.url, env: { LOG_SIGNING_KEY: next.file } });
    await until(() => sizesOf(database)).toContain('1:3');
    const last = (await notesOf(database)).at(-1)?.note ?? '';
    expect([openNote(last, [previousKey]), openNote(last, [next.lineOf(name)])]).toEqual([
      null,
      expect.stringContaining('\n3\n'),
    ]);
  });

  it('refuses a hand-over that the signing key does not sign, and one to itself', async () => {
    const database = await createPostgresDatabase();
    const [one, other] = [aKeyFile(), aKeyFile()];
    const rotate = async (from: string, to: string) =>
      (await runCommand(['log', 'rotate-key', '--to', to], { DATABASE_URL: database.ownerUrl, LOG_SIGNING_KEY: from })).err;
    expect(await rotate(one.file, other.file)).toContain('nobody has signed this log yet');
    await database.sql('UPDATE audit_head SET signing_key = $1', [one.lineOf(await nameOf(database))]);
    expect(await rotate(other.file, aKeyFile().file)).toContain('the key that signs now must sign the hand-over');
    expect(await rotate(one.file, one.file)).toContain('signs this log already');
    expect(await rotate(one.file, '/not/there')).toContain("--to names '/not/there', which cannot be read");
    expect(await readEventsOfType(database, 'log.key_rotated')).toEqual([]);
  });
});

describe('a restored older copy of the database', () => {
  it('stops the signing and nothing else, until flagtrail log new-epoch says why it goes on', async () => {
    const database = await createPostgresDatabase();
    const name = await nameOf(database);
    const dataDir = temporaryFolder();
    const before = await startTestService({ databaseUrl: database.url, dataDir });
    await createFlag(before, 'one');
    await until(() => sizesOf(database)).toContain('1:1');
    const restore = await growingLog(database).copy();
    await createFlag(before, 'two');
    await createFlag(before, 'three');
    await before.stop();
    expect((await sizesOf(database)).at(-1)).toBe('1:3');
    expect(readFileSync(path.join(dataDir, 'log.checkpoint'), 'utf8')).toBe((await notesOf(database)).at(-1)?.note);
    await restore();

    const service = await startTestService({ databaseUrl: database.url, dataDir });
    const stopped =
      /log\.checkpoint holds a checkpoint of 3 entries, and the log in the database has 1: .*flagtrail log new-epoch/;
    await until(async () => (await warningsAt(service)).join()).toMatch(stopped);
    expect((await request(`${service.url}/readyz`)).status).toBe(200);
    expect(await signingStopped(service)).toBe('1');
    expect(errorsOf(service)).toEqual([expect.stringMatching(stopped)]);
    await until(async () => (await runCommand(['status'], { DATABASE_URL: database.url })).out).toMatch(
      /signs no checkpoints: .*log\.checkpoint holds a checkpoint of 3 entries/,
    );
    expect(await createFlag(service, 'four')).toMatchObject({ data: { createFlag: { __typename: 'Flag' } } });
    const settings = { DATABASE_URL: database.ownerUrl, LOG_SIGNING_KEY: logKey };
    // The anchor is out of this command's reach, but the process has said what it found there.
    const begun = await runCommand(['log', 'new-epoch', '--reason', 'restored the backup of 02:00', '--by', 'alice'], settings);
    expect(begun).toMatchObject({
      code: 0,
      out: `${name}/2\n`,
      err: expect.stringContaining('Epoch 2 of the log begins at 2 entries'),
    });

    const [event] = await readEventsOfType(database, 'log.epoch_started');
    expect(event?.metadata).toMatchObject({
      epoch: 2,
      size: 2,
      reason: 'restored the backup of 02:00',
      signingKey: verifierLine(name, parseSigningKey(logKey)),
      abandoned: { epoch: 1, size: 3, rootHash: expect.any(String) },
      adminUserId: 'alice',
    });
    await until(() => sizesOf(database)).toContain('2:3');
    expect((await notesOf(database)).at(-1)?.note).toMatch(new RegExp(`^${name}/2\n3\n`));
    await until(() => warningsAt(service)).toEqual([]);
    expect(await signingStopped(service)).toBe('0');

    const again = await runCommand(['log', 'new-epoch', '--reason', 'once more'], settings);
    expect(again).toMatchObject({ code: 1, err: expect.stringContaining('--force starts one anyway') });
    expect((await runCommand(['log', 'new-epoch', '--reason', 'once more', '--force'], settings)).out).toBe(`${name}/3\n`);
  }, 90_000);

  it('is found by the command in DATA_DIR, and the new epoch is later than all that were ever seen', async () => {
    const database = await createPostgresDatabase();
    const name = await nameOf(database);
    const settings = { DATABASE_URL: database.ownerUrl, LOG_SIGNING_KEY: logKey, DATA_DIR: temporaryFolder() };
    const restore = await growingLog(database).copy();
    const force = ['log', 'new-epoch', '--force', '--reason', 'no reason'];
    for (const epoch of [2, 3, 4]) expect((await runCommand(force, settings)).out).toBe(`${name}/${epoch}\n`);
    const before = await startTestService({ databaseUrl: database.url, dataDir: settings.DATA_DIR });
    await until(() => sizesOf(database)).toEqual(['4:3']);
    await before.stop();
    await restore();
    expect(await runCommand(['log', 'new-epoch', '--reason', 'a restore'], settings)).toMatchObject({
      code: 0,
      out: `${name}/5\n`,
    });
  });
});
