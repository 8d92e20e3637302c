import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Writable } from 'node:stream';
import { Command } from 'commander';
import { beforeAll, describe, expect, it } from 'vitest';
import { addExportCommand } from '../../src/cli/export.ts';
import { addExportEventsCommand } from '../../src/cli/export-events.ts';
import { makeSignedLog, type SignedLog } from '../support/attacked-log.ts';
import { pathOf } from '../support/bundle-writer.ts';
import { createPGliteDatabase } from '../support/databases.ts';
import { emitEvents } from '../support/emit.ts';
import { signLog } from '../support/log-signer.ts';
import { temporaryFolder } from '../support/service.ts';
import { runVerify } from '../support/verify-command.ts';

let log: SignedLog;
beforeAll(async () => {
  log = await makeSignedLog();
});

/** Runs `flagtrail export events` as the command line does. */
const run = async (args: readonly string[], { database = log.database.database, tty = false, interrupts = false } = {}) => {
  let [err, exitCode, interrupt] = ['', 0, () => {}];
  const stream = (isTTY: boolean) =>
    Object.assign(
      new Writable({
        decodeStrings: false,
        write: (chunk, _encoding, done) => {
          err += chunk;
          if (interrupts) interrupt();
          done();
        },
      }),
      { isTTY },
    );
  const program = new Command().exitOverride().configureOutput({ writeErr: () => {} });
  addExportEventsCommand(addExportCommand(program), {
    openDatabase: async () => ({ database, close: async () => {} }),
    ...{ stdout: stream(false), stderr: stream(tty) },
    onInterrupt: (listener) => {
      interrupt = listener;
      return () => {};
    },
    setExitCode: (code) => {
      exitCode = code;
    },
  });
  let failure = '';
  await program.parseAsync(['export', 'events', ...args], { from: 'user' }).catch((error) => {
    failure = error.message;
  });
  return { err, exitCode, failure };
};

describe('flagtrail export events --bundle', () => {
  it('writes a folder that is verified with nothing else at hand', async () => {
    const bundle = path.join(temporaryFolder(), 'bundle');
    expect(await run(['--bundle', bundle])).toMatchObject({
      failure: '',
      exitCode: 0,
      err: expect.stringMatching(/^591 events, all that are signed/),
    });
    const verified = await runVerify(['--bundle', bundle, '--key', log.signer.line, '--json']);
    expect(verified.exitCode).toBe(0);
    expect(JSON.parse(verified.out)).toMatchObject({ size: 591, signedTo: 591, checked: { entries: 591, tiles: 4, erased: 0 } });
    expect(readFileSync(path.join(bundle, 'checkpoint'), 'utf8')).toBe(log.notes.at(-1));
    expect(existsSync(path.join(bundle, pathOf('tile/1', 0, 2)))).toBe(true);
    // It names people.
    expect([statSync(bundle).mode & 0o777, statSync(path.join(bundle, 'checkpoint')).mode & 0o777]).toEqual([0o700, 0o600]);
  });

  it('holds entries of older releases that are too long for a bundle of entries', async () => {
    const database = await createPGliteDatabase();
    const entry = { id: '01900000-0000-7000-8000-999999999999', eventType: 'auth.login', timestamp: '2026-01-01T00:00:00.000Z' };
    const old = {
      ...entry,
      actor: { type: 'USER', id: 'eve' },
      environment: 'production',
      result: 'SUCCESS',
      description: 'x'.repeat(70_000),
    };
    await database.sql('SELECT audit_emit($1::text[])', [[JSON.stringify(old)]]);
    await database.sql('SELECT audit_sequence(1000)');
    await signLog(database, log.signer, [1]);
    const bundle = path.join(temporaryFolder(), 'bundle');
    expect(await run(['--bundle', bundle], { database: database.database })).toMatchObject({
      failure: '',
      err: expect.stringContaining('1 event,'),
    });
    expect(readFileSync(path.join(bundle, 'large-entries/1'), 'utf8')).toBe(JSON.stringify(old));
    expect(readFileSync(path.join(bundle, pathOf('tile/entries', 0, 1)))).toEqual(Buffer.alloc(2));
  });

  it('shows its progress on a terminal, and is quiet elsewhere', async () => {
    const folder = temporaryFolder();
    expect((await run(['--bundle', path.join(folder, 'a')], { tty: true })).err).toContain('100 %');
    expect((await run(['--bundle', path.join(folder, 'b')])).err).not.toContain('%');
  });

  it('leaves nothing when it is interrupted', async () => {
    const folder = temporaryFolder();
    const { err, exitCode } = await run(['--bundle', path.join(folder, 'bundle')], { tty: true, interrupts: true });
    expect([err.includes('Interrupted: no bundle was written.'), exitCode]).toEqual([true, 130]);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('leaves nothing when the log has no checkpoint', async () => {
    const { database } = await createPGliteDatabase();
    const folder = temporaryFolder();
    expect((await run(['--bundle', path.join(folder, 'bundle')], { database })).failure).toMatch(
      /no checkpoint yet: it is signed by a service/,
    );
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each([
    [['--flag-key', 'checkout'], '--flag-key'],
    [['--order', 'oldest', '--limit', '5'], '--order, --limit'],
    [['--output', path.join(tmpdir(), 'x')], '--output'],
  ])('is not combined with %j', async (options, named) => {
    const folder = temporaryFolder();
    const { failure } = await run(['--bundle', path.join(folder, 'bundle'), ...options]);
    expect(failure).toContain(`--bundle cannot be used with ${named}; allowed: --bundle alone`);
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each([
    ['is there already', 'there', /a folder that does not exist yet: this one does/],
    ['has no parent', 'no/parent', /a folder in one that exists/],
  ])('refuses a folder that %s', async (_what, name, says) => {
    const folder = temporaryFolder();
    mkdirSync(path.join(folder, 'there'));
    expect((await run(['--bundle', path.join(folder, name)])).failure).toMatch(says);
  });

  it('waits for an erasure to be signed, because a verifier would take it for tampering', async () => {
    const folder = temporaryFolder();
    const other = await makeSignedLog();
    await emitEvents(other.database, [{ eventType: 'person.erased' as never, metadata: { actorId: 'ada' } }], 9000);
    const { failure } = await run(['--bundle', path.join(folder, 'bundle')], { database: other.database.database });
    expect(failure).toMatch(/that is not signed yet: try again in a few seconds/);
    expect(readdirSync(folder)).toEqual([]);
  });
});
