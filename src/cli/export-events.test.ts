import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readdirSync, readFileSync, readlinkSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { Command, CommanderError } from 'commander';
import { beforeAll, describe, expect, it } from 'vitest';
import { atTestEnd } from '../../test/support/at-test-end.ts';
import { createPGliteDatabase, createPostgresDatabase, type TestDatabase } from '../../test/support/databases.ts';
import { readFileTrace, tracingFiles } from '../../test/support/file-trace.ts';
import { aLogEntry, linesOf } from '../../test/support/log-entries.ts';
import { temporaryFolder } from '../../test/support/service.ts';
import { emitEntries } from '../../test/support/tables.ts';
import { toWire } from '../audit/model/audit-event.ts';
import { makeAuditLog } from '../audit/store/audit-log.ts';
import { sequenceOutbox } from '../audit/store/outbox.ts';
import { acquireDataDirectory } from '../database/data-directory-lock.ts';
import { addExportCommand } from './export.ts';
import { writeExport } from './export-destination.ts';
import { addExportEventsCommand } from './export-events.ts';

const failing: AsyncIterable<string> = {
  [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error('no database')) }),
};
async function* lines(): AsyncGenerator<string> {
  yield 'one\n';
}

const count = 3000;
const scheduleId = '01a1f982-b765-7234-9c18-c6bbea276b36';
const fill = async ({ sql, database }: TestDatabase, size = count) => {
  const events = Array.from({ length: size }, (_, index) =>
    aLogEntry(index + 1, {
      ...(index % 100 === 0 && { eventType: 'flag.created' as const, flagKey: 'rare', resource: { type: 'flag', id: 'r' } }),
      ...(index === 7 && {
        eventType: 'flag_schedule.failed' as const,
        scheduleId,
        result: 'FAILURE' as const,
        environment: 'qa',
      }),
      ...(index === 8 && { actor: { type: 'SYSTEM' as const, id: 'system', name: null, email: null }, workspaceId: 'w' }),
      ...(index === 9 && {
        requestContext: { ipAddress: null, userAgent: null, requestId: 'r-1', sessionId: null, apiKeyId: null },
      }),
      timestamp: new Date(Date.UTC(2026, 0, 1) + index * 60_000).toISOString(),
    }),
  );
  await emitEntries(
    { sql },
    events.map(({ entry }) => entry),
  );
  while ((await sequenceOutbox(database.prisma, 1000)) > 0);
};

/** A stream that keeps what is written, as a terminal or a pipe. */
const sink = ({ isTTY = false, onWrite = (_: string) => {} } = {}) => {
  let text = '';
  const stream = new Writable({
    decodeStrings: false,
    write: (chunk, _encoding, done) => {
      text += chunk;
      onWrite(String(chunk));
      done();
    },
  });
  return Object.assign(stream, { isTTY, text: () => text });
};

describe('flagtrail export events', () => {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await createPGliteDatabase();
    await fill(db);
  });

  type Options = { of?: TestDatabase; tty?: boolean; toTerminal?: boolean; interruptAt?: 'first page' | 'first bar' };
  /** Runs the command as the command line does. */
  const run = async (args: readonly string[], { of = db, tty = false, toTerminal = false, interruptAt }: Options = {}) => {
    let [exitCode, closed, interrupt] = [0, 0, () => {}];
    const stdout = sink({ isTTY: toTerminal, onWrite: () => interruptAt === 'first page' && interrupt() });
    const stderr = sink({ isTTY: tty, onWrite: () => interruptAt === 'first bar' && interrupt() });
    const program = new Command()
      .exitOverride()
      .configureOutput({ writeErr: (text) => stderr.write(text), writeOut: (text) => stdout.write(text) });
    addExportEventsCommand(addExportCommand(program), {
      openDatabase: async () => ({
        database: of.database,
        close: async () => {
          closed++;
        },
      }),
      stdout,
      stderr,
      onInterrupt: (listener) => {
        interrupt = listener;
        return () => {
          interrupt = () => {};
        };
      },
      setExitCode: (code) => {
        exitCode = code;
      },
    });
    let failure = '';
    await program.parseAsync(['export', 'events', ...args], { from: 'user' }).catch((error) => {
      if (error instanceof CommanderError) exitCode = error.exitCode;
      else failure = error.message;
    });
    const lines = stdout.text().split('\n').slice(0, -1);
    return { out: stdout.text(), err: stderr.text(), failure, exitCode, closed, lines };
  };
  const positions = (lines: readonly string[]): number[] => lines.map((line) => JSON.parse(line).position);

  it('writes the whole log in position order, each event in its wire form, and says how much that was', async () => {
    const { lines, err, exitCode, closed } = await run([]);
    expect(lines).toHaveLength(count);
    const [first] = await makeAuditLog(db.database.prisma).readAfter(0, 1);
    expect(lines[0]).toBe(JSON.stringify(first && toWire(first)));
    expect(positions(lines)).toEqual(Array.from({ length: count }, (_, index) => index + 1));
    expect({ err, exitCode, closed }).toEqual({ err: '3,000 events, positions 1–3,000\n', exitCode: 0, closed: 1 });
  });

  it('escapes on a terminal what the terminal would obey, and nowhere else', async () => {
    const of = await createPGliteDatabase();
    const hostile = '\u009b31m\u202Eevil';
    await emitEntries(of, [linesOf(aLogEntry(1, { description: hostile }))]);
    await sequenceOutbox(of.database.prisma, 10);
    const [onTerminal, inPipe] = [await run([], { of, toTerminal: true }), await run([], { of })];
    expect(onTerminal.out).toContain('"\\u009b31m\\u202eevil"');
    expect(JSON.parse(onTerminal.out)).toEqual(JSON.parse(inPipe.out));
    expect(inPipe.out).toContain(hostile);
  });

  it.each<[string[], number[]]>([
    [
      ['--flag-key', 'rare', '--limit', '3'],
      [1, 101, 201],
    ],
    [
      ['--flag-key', 'rare', '--limit', '2', '--order', 'newest', '--after', '201'],
      [101, 1],
    ],
    [
      ['--type', 'flag_schedule.failed', '--type', 'flag.created', '--limit', '3'],
      [1, 8, 101],
    ],
    [['--actor-id', 'system'], [9]],
    [['--actor-type', 'system'], [9]],
    [['--resource-type', 'flag', '--resource-id', 'r', '--after', '2900'], [2901]],
    [['--schedule-id', scheduleId.toUpperCase()], [8]],
    [['--environment', 'qa'], [8]],
    [['--workspace-id', 'w'], [9]],
    [['--request-id', 'r-1'], [10]],
    [['--result', 'FAILURE'], [8]],
    [
      ['--from', '2026-01-01T01:05:00+01:00', '--to', '2026-01-01T00:08:00Z'],
      [6, 7, 8],
    ],
    [['--after', '3000'], []],
  ])('%j gives the events of the positions %j', async (args, expected) => {
    const { lines, exitCode } = await run(args);
    expect(positions(lines)).toEqual(expected);
    expect(exitCode).toBe(0);
  });

  it.each<[string[], RegExp]>([
    [['--type', 'flag.creatd'], /'flag\.creatd' is invalid\. allowed: .*flag\.created, .*audit\.loss/],
    [['--actor-type', 'ROBOT'], /'ROBOT' is invalid\. allowed: USER, SERVICE_ACCOUNT, SYSTEM, API/],
    [['--result', 'MAYBE'], /'MAYBE' is invalid\. allowed: SUCCESS, FAILURE, DENIED/],
    [['--schedule-id', '17'], /'17' is invalid\. allowed: a UUID/],
    [['--from', '2026-02-30T00:00:00Z'], /'2026-02-30T00:00:00Z' is invalid\. allowed: RFC 3339/],
    [['--to', 'yesterday'], /'yesterday' is invalid/],
    [['--order', 'random'], /'random' is invalid\. Allowed choices are oldest, newest/],
    [['--after', '-1'], /'-1' is invalid\. allowed: a whole number, 0 or more/],
    [['--after', '1e3'], /'1e3' is invalid/],
    [['--limit', '0'], /'0' is invalid\. allowed: a whole number, 1 or more/],
    [['--flag-key', ''], /'' is invalid\. allowed: text that is not empty/],
    [['--output', tmpdir()], /is invalid\. allowed: the name of a file: this is not a file/],
    [['--output', '/nowhere/at/all'], /allowed: a file in a folder that exists/],
    [['--colour', 'red'], /unknown option '--colour'/],
    [['surplus'], /too many arguments/],
  ])('refuses %j in one line that says what is allowed', async (args, message) => {
    const { out, err, exitCode, closed } = await run(args);
    expect({ out, exitCode, closed }).toEqual({ out: '', exitCode: 1, closed: 0 });
    expect(err).toMatch(message);
    expect(err.trimEnd()).not.toContain('\n');
  });

  it('explains itself with examples', async () => {
    const { out, exitCode } = await run(['--help']);
    expect(exitCode).toBe(0);
    expect(out).toContain('flagtrail export events --flag-key checkout-v2 --order newest');
    expect(out).toMatch(/--schedule-id <id> +about this schedule/);
  });

  it('shows a bar where standard error is a terminal, and none elsewhere', async () => {
    expect((await run([], { tty: true })).err).toMatch(/\d+ % · [\d]+ events/);
    expect((await run([])).err).not.toContain('%');
  });

  describe('--output', () => {
    it('writes a file, in place of the one that was there, through a link as well', async () => {
      const folder = temporaryFolder();
      const [file, link] = [path.join(folder, 'events.ndjson'), path.join(folder, 'link')];
      writeFileSync(file, 'old');
      symlinkSync(file, link);
      const { out, err } = await run(['--limit', '2', '--output', link]);
      expect({ out, err }).toEqual({ out: '', err: '2 events, positions 1–2\n' });
      expect(positions(readFileSync(file, 'utf8').split('\n').slice(0, -1))).toEqual([1, 2]);
      expect(readdirSync(folder).toSorted()).toEqual(['events.ndjson', 'link']);
    });

    it('writes a file for its owner alone, and leaves the permissions of one that was there', async () => {
      const folder = temporaryFolder();
      const modeOf = (name: string) => statSync(path.join(folder, name)).mode & 0o777;
      for (const [name, mode] of [
        ['private', 0o600],
        ['shared', 0o664],
      ] as const) {
        writeFileSync(path.join(folder, name), 'old');
        chmodSync(path.join(folder, name), mode);
        await run(['--limit', '1', '--output', path.join(folder, name)]);
        expect(modeOf(name)).toBe(mode);
      }
      await run(['--limit', '1', '--output', path.join(folder, 'new')]);
      expect(modeOf('new')).toBe(0o600);
    });

    it('refuses a link that leads nowhere, and leaves it as it is', async () => {
      const folder = temporaryFolder();
      const link = path.join(folder, 'link');
      symlinkSync(path.join(folder, 'gone'), link);
      const { err, exitCode } = await run(['--output', link]);
      expect(err).toMatch(/allowed: a file, or a link to one that exists: this link is broken/);
      expect(exitCode).toBe(1);
      expect(readlinkSync(link)).toBe(path.join(folder, 'gone'));
    });

    it('leaves the file that was there, and no other, where the log cannot be read to its end', async () => {
      const folder = temporaryFolder();
      const file = path.join(folder, 'events.ndjson');
      writeFileSync(file, 'old');
      await using broken = await createPGliteDatabase();
      await fill(broken, 200);
      await broken.database.runScript(`ALTER TABLE audit_log RENAME TO whole_log; CREATE VIEW audit_log AS
        SELECT position, actor_id, sealed_at, leaf_hash, CASE WHEN position = 150 THEN (1 / (position - 150))::text ELSE entry END AS entry FROM whole_log`);
      const { err, failure, closed } = await run(['--output', file], { of: broken });
      expect({ err, failure, closed }).toEqual({ err: '', failure: expect.stringContaining('division by zero'), closed: 1 });
      expect(readFileSync(file, 'utf8')).toBe('old');
      expect(readdirSync(folder)).toEqual(['events.ndjson']);
    });

    it('leaves nothing behind where it fails at once', async () => {
      const folder = temporaryFolder();
      const write = (name: string, text: AsyncIterable<string>) =>
        writeExport(text, { file: path.join(folder, name), stdout: process.stdout });
      for (let n = 0; n < 50; n++) await expect(write(`${n}`, failing)).rejects.toThrow('no database');
      // Written after them, and there when they would have been.
      await write('whole', lines());
      expect(readdirSync(folder)).toEqual(['whole']);
    });

    it('is not written where the command is interrupted', async () => {
      const folder = temporaryFolder();
      const { err, exitCode, closed } = await run(['--output', path.join(folder, 'events.ndjson')], {
        tty: true,
        interruptAt: 'first bar',
      });
      expect(err).toContain('Interrupted: no file was written.\n');
      expect({ exitCode, closed }).toEqual({ exitCode: 130, closed: 1 });
      expect(readdirSync(folder)).toEqual([]);
    });
  });

  it('ends between two lines when it is interrupted, and says where to go on', async () => {
    const { lines, err, exitCode, closed } = await run([], { interruptAt: 'first page' });
    expect(positions(lines)).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
    expect(err).toBe('Interrupted: 100 events, positions 1–100; continue with --after 100\n');
    expect({ exitCode, closed }).toEqual({ exitCode: 130, closed: 1 });
  });
});

describe('flagtrail export events, as a process of its own', () => {
  const start = (env: Record<string, string>, ...args: string[]) => {
    const main = fileURLToPath(new URL('../main.ts', import.meta.url));
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, 'export', 'events', ...args], {
      env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const exited = once(child, 'close').then(([code, signal]) => code ?? signal);
    atTestEnd(async () => {
      child.kill('SIGKILL');
      await exited;
    });
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (text) => {
      errors += text;
    });
    return { stdout: child.stdout, exited, errors: () => errors };
  };

  it('ends without a word when its reader goes away, as head does', async () => {
    const db = await createPostgresDatabase();
    await fill(db, 1000);
    const { stdout, exited, errors } = start({ DATABASE_URL: db.url });
    const [chunk] = await once(stdout, 'data');
    expect(JSON.parse(String(chunk).split('\n')[0] ?? '')).toMatchObject({ position: 1 });
    stdout.destroy();
    expect([await exited, errors()]).toEqual([0, '']);
  });

  it('has written a file to the disk before it takes the place of the old one, and the name of the file at the end', async () => {
    const db = await createPostgresDatabase();
    await fill(db, 10);
    const folder = temporaryFolder();
    const [file, traceFile] = [path.join(folder, 'events.ndjson'), path.join(folder, 'trace.json')];
    const env = { DATABASE_URL: db.url, NODE_OPTIONS: tracingFiles(traceFile).join(' ') };
    const { exited } = start(env, '--output', file);
    expect(await exited).toBe(0);
    expect(readFileSync(file, 'utf8').split('\n')).toHaveLength(11);
    const calls = readFileTrace(traceFile).filter((name) => ['open', 'fsync', 'rename'].includes(name));
    // First the file, then the folder, opened for that. What comes behind is the logger's.
    expect(calls.slice(calls.indexOf('fsync')).slice(0, 4)).toEqual(['fsync', 'rename', 'open', 'fsync']);
  });

  it('says to migrate first where the schema of a server is behind', async () => {
    const behind = await createPostgresDatabase({ migrated: false });
    const { exited, errors } = start({ DATABASE_URL: behind.url });
    expect(await exited).toBe(1);
    expect(errors()).toMatch(/^flagtrail: the database lacks migrations \(.*\): run 'flagtrail migrate'\n$/);
  });

  it('says so where the embedded database is in use', async () => {
    const folder = temporaryFolder();
    const lock = acquireDataDirectory(folder);
    const { exited, errors } = start({ DATA_DIR: folder });
    expect(await exited).toBe(1);
    expect(errors()).toMatch(/^flagtrail: .*in use.*\n$/);
    lock.release();
  });
});
