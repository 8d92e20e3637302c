import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Command, CommanderError } from 'commander';
import { pino } from 'pino';
import { beforeAll, describe, expect, it } from 'vitest';
import { createPGliteDatabase, type TestDatabase } from '../../test/support/databases.ts';
import { dataDirectory, temporaryFolder } from '../../test/support/service.ts';
import { anAdmin, makeSpine, newId, type Spine } from '../../test/support/spine.ts';
import { outboxSize, readEventsOfType } from '../../test/support/tables.ts';
import { makeAuditLog } from '../audit/store/audit-log.ts';
import { composeCommand } from '../compose/command.ts';
import { readConfig } from '../config/config.ts';
import { acquireDataDirectory } from '../database/data-directory-lock.ts';
import { makeFlagStore } from '../flags/store/flag-store.ts';
import type { JsonObject } from '../kernel/json.ts';
import { openOutput } from '../process/output.ts';
import { addExportCommand } from './export.ts';
import { addExportFlagsCommand } from './export-flags.ts';
import { addImportCommand } from './import.ts';

let db: TestDatabase;
let spine: Spine;
beforeAll(async () => {
  db = await createPGliteDatabase();
  spine = await makeSpine(db.database);
});

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

type Options = {
  tty?: boolean;
  interruptAtFlag?: number;
  interruptAtOutput?: string;
  userName?: string | null;
  env?: Record<string, string>;
};

/** Runs a command as the command line does. */
const run = async (args: readonly string[], options: Options = {}) => {
  const { tty = false, interruptAtFlag, interruptAtOutput, userName = 'sam', env = {} } = options;
  let [exitCode, interrupt] = [0, () => {}];
  const interruptAt = (text: string) => {
    if (interruptAtOutput !== undefined && text.includes(interruptAtOutput)) interrupt();
  };
  const [stdout, stderr] = [sink(), sink({ isTTY: tty, onWrite: interruptAt })];
  const program = new Command()
    .exitOverride()
    .configureOutput({ writeErr: (text) => stderr.write(text), writeOut: (text) => stdout.write(text) });
  const open = async () => {
    const config = readConfig({ DATA_DIR: temporaryFolder(), ...env }, { roles: [] });
    const clock = { now: () => new Date() };
    const surroundings = {
      logger: pino({ level: 'silent' }),
      stdout: openOutput(stdout, { clock }),
      clock,
      newId,
      random: Math.random,
    };
    const parts = await composeCommand(config, db.database, surroundings);
    let created = 0;
    return {
      parts: {
        ...parts,
        importFlags: (...[caller, wanted, options]: Parameters<typeof parts.importFlags>) =>
          parts.importFlags(caller, wanted, {
            ...options,
            onFlag: async (flag) => {
              await options.onFlag(flag);
              created++;
              if (created === interruptAtFlag) interrupt();
            },
          }),
      },
      close: parts.finish,
    };
  };
  const streams = { stdout, stderr };
  addImportCommand(program, {
    open,
    userName: () => userName,
    ...streams,
    onInterrupt: (listener) => {
      interrupt = listener;
      return () => {};
    },
    setExitCode: (code) => {
      exitCode = code;
    },
  });
  addExportFlagsCommand(addExportCommand(program), { open, userName: () => userName, ...streams });
  await program.parseAsync([...args], { from: 'user' }).catch((error) => {
    exitCode = error instanceof CommanderError ? error.exitCode : 1;
    if (!(error instanceof CommanderError)) stderr.write(`flagtrail: ${error.message}\n`);
  });
  return { out: stdout.text(), err: stderr.text(), exitCode };
};

const written = (content: object | string, name = 'flags.json'): string => {
  const file = path.join(temporaryFolder(), name);
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
};
const document = (flags: JsonObject) => written({ flags });
const flag = (changes: JsonObject = {}): JsonObject => ({
  state: 'ENABLED',
  variants: { red: 'r', green: 'g' },
  defaultVariant: 'red',
  ...changes,
});
const importing = (file: string, ...args: string[]) => run(['import', file, '--environment', 'production', ...args]);
const summary = (created: number, updated: number, unchanged: number, environment = 'production') =>
  `${created} created, ${updated} updated, ${unchanged} unchanged in ${environment}\n`;

const stored = async (key: string, environment = 'production') => {
  const flags = makeFlagStore(db.database.prisma);
  const found = await flags.find(key);
  const [state] = found ? ((await flags.statesOf([found.id], environment)).get(found.id) ?? []) : [];
  return found && state ? { flag: found, state } : null;
};
/** The events of a flag that are in the log, and how many wait on their way to it. */
const eventsOf = async (key: string) => {
  const entries = await makeAuditLog(db.database.prisma).readAfter(0, 10_000);
  expect(await outboxSize(db)).toBe(0);
  return entries.map(({ event }) => event).filter((event) => event.flagKey === key);
};

describe('flagtrail import of a flagd document', () => {
  const beta = { in: ['beta', { var: 'groups' }] };

  it('creates flags with their state in the one environment, each change with its event', async () => {
    const metadata = { name: 'Banner colour', description: 'At the top', tags: 'web' };
    const file = document({
      banner: flag({ metadata, targeting: { if: [beta, 'green', null] } }),
      quiet: flag({ state: 'DISABLED' }),
    });
    expect(await importing(file)).toEqual({ out: '', err: summary(2, 0, 0), exitCode: 0 });

    const banner = await stored('banner');
    expect(banner?.flag).toMatchObject({ name: 'Banner colour', description: 'At the top', type: 'STRING', tags: ['web'] });
    expect(banner?.state).toMatchObject({ enabled: true, defaultVariant: 'red', rules: [{ key: 'imported' }] });
    expect((await stored('banner', 'staging'))?.state).toMatchObject({ enabled: false, rules: [], version: 1 });
    expect((await stored('quiet'))?.state).toMatchObject({ enabled: false, defaultVariant: 'red' });

    const events = await eventsOf('banner');
    expect(events.map(({ eventType }) => eventType)).toEqual(['flag.created', 'flag.enabled']);
    for (const { actor, metadata, requestContext } of events) {
      expect(actor).toEqual({
        type: 'SERVICE_ACCOUNT',
        id: 'flagtrail-import',
        name: 'flagtrail import, for sam',
        email: null,
      });
      expect(metadata).toMatchObject({ adminUserId: 'sam', adminEmail: null });
      expect(requestContext?.userAgent).toBe('flagtrail import');
    }
  });

  it('leaves alone what is there already', async () => {
    const file = document({ again: flag({ targeting: { if: [beta, 'green'] } }), off: flag({ state: 'DISABLED' }) });
    await importing(file);
    const events = [await eventsOf('again'), await eventsOf('off')];
    expect(await importing(file)).toMatchObject({ err: summary(0, 0, 2), exitCode: 0 });
    expect([await eventsOf('again'), await eventsOf('off')]).toEqual(events);
  });

  it('changes what the file says otherwise, and nothing that it does not speak of', async () => {
    await importing(document({ shade: flag({ metadata: { name: 'Shade', tags: 'web' }, targeting: { if: [beta, 'green'] } }) }));
    const changed = flag({ variants: { red: 'r', blue: 'b' }, defaultVariant: 'blue', targeting: { if: [beta, 'blue'] } });
    expect(await importing(document({ shade: changed }), '--by', 'alice')).toMatchObject({ err: summary(0, 1, 0), exitCode: 0 });
    const shade = await stored('shade');
    expect(shade?.flag).toMatchObject({
      name: 'Shade',
      tags: ['web'],
      variants: [
        { key: 'red', value: 'r' },
        { key: 'blue', value: 'b' },
      ],
    });
    expect(shade?.state).toMatchObject({ defaultVariant: 'blue', rules: [{ targeting: { if: [beta, 'blue'] } }] });
    expect((await eventsOf('shade')).at(-1)).toMatchObject({
      actor: { type: 'SERVICE_ACCOUNT', id: 'flagtrail-import', name: 'flagtrail import, for alice' },
      metadata: { adminUserId: 'alice' },
    });
    expect(await importing(document({ shade: changed }))).toMatchObject({ err: summary(0, 0, 1) });
  });

  it('takes its own export for what is there, and brings it to another environment as it evaluates', async () => {
    const variants = ['a', 'b'].map((key) => ({ key, value: key }));
    await spine.createFlag(anAdmin(), { key: 'rich', name: 'Rich', type: 'STRING', variants });
    const rules = [
      { key: 'one', targeting: { if: [beta, 'a', null] } },
      { key: 'two', targeting: { if: [{ var: 'plan' }, 'b', null] } },
    ];
    const updates = { enabled: true, rolloutPercentage: 30, defaultVariant: 'a', rules };
    await spine.updateFlagState(anAdmin(), { flagKey: 'rich', environment: 'production', updates });
    const file = path.join(temporaryFolder(), 'export.json');
    expect(await run(['export', 'flags', '--environment', 'production', '--output', file])).toMatchObject({
      out: '',
      exitCode: 0,
    });
    expect((await importing(file)).err).toMatch(/^0 created, 0 updated, \d+ unchanged in production\n$/);
    expect((await stored('rich'))?.state).toMatchObject({ rolloutPercentage: 30, rules: [{ key: 'one' }, { key: 'two' }] });

    await run(['import', file, '--environment', 'staging']);
    const staging = await run(['export', 'flags', '--environment', 'staging']);
    const production = await run(['export', 'flags', '--environment', 'production']);
    const richOf = ({ out }: { out: string }) => ({ ...JSON.parse(out).flags.rich, metadata: null });
    expect(richOf(staging).targeting).toEqual(richOf(production).targeting);
  });

  it('changes nothing on --dry-run, and says what it would do', async () => {
    await importing(document({ there: flag() }));
    const file = document({ there: flag({ defaultVariant: 'green' }), fresh: flag() });
    expect(await importing(file, '--dry-run')).toEqual({
      out: 'updated   there\ncreated   fresh\n',
      err: `Dry run, nothing was changed: ${summary(1, 1, 0)}`,
      exitCode: 0,
    });
    expect(await stored('fresh')).toBeNull();
    expect((await stored('there'))?.state.defaultVariant).toBe('red');
  });

  it('changes nothing where anything in the file is wrong, and names every problem', async () => {
    const file = document({ fine: flag(), 'not fine': flag(), wrong: flag({ targeting: { if: [beta, 'blue'] } }) });
    const { err, exitCode } = await importing(file);
    expect(exitCode).toBe(1);
    expect(err).toBe(`flagtrail: nothing was imported from ${file}:
  flags.not fine.key: must start with a letter or digit and hold only letters, digits, and . _ / -
  flags.wrong.targeting.if.1: gives "blue", which is not a variant of the flag: allowed are red, green, and null
`);
    expect(await stored('fine')).toBeNull();
  });

  it('changes nothing where a flag that is there cannot become what the file says', async () => {
    const others = document(Object.fromEntries(['typed', 'archived', 'held', 'set', 'used'].map((key) => [key, flag()])));
    await importing(others);
    await spine.setFlagStatus(anAdmin(), { flagKey: 'archived' }, 'ARCHIVED');
    const place = { flagKey: 'held', environment: 'production' };
    await spine.emergencyOverride(anAdmin(), { ...place, updates: { enabled: false }, reason: 'fire' });
    const staging = { flagKey: 'used', environment: 'staging' };
    await spine.updateFlagState(anAdmin(), { ...staging, updates: { defaultVariant: 'green' } });
    const file = document({
      fine: flag(),
      typed: flag({ variants: { red: 1 } }),
      archived: flag({ defaultVariant: 'green' }),
      held: flag({ defaultVariant: 'green' }),
      set: flag({ defaultVariant: null }),
      used: flag({ variants: { red: 'r' } }),
    });
    const { err, exitCode } = await importing(file);
    expect(exitCode).toBe(1);
    // A dry run names the same problems, and does not speak of what would be done.
    expect(await importing(file, '--dry-run')).toEqual({ out: '', err, exitCode });
    const lines = err.split('\n').slice(1, -1);
    expect(lines).toEqual([
      expect.stringMatching(/flags\.typed\.type: is NUMBER, but the existing flag is STRING/),
      expect.stringMatching(/flags\.archived: Flag 'archived' is archived/),
      expect.stringMatching(/flags\.held: An emergency override holds flag 'held' in production .*\(fire\)/),
      expect.stringMatching(/flags\.set\.defaultVariant: is missing, but the flag has 'red' here/),
      expect.stringMatching(/flags\.used\.variants: must include 'green': the default variant in staging needs it/),
    ]);
    expect(await stored('fine')).toBeNull();
  });

  it('changes nothing where a schedule needs a variant that would go, and names the schedule', async () => {
    await importing(document({ planned: flag() }));
    const scheduledAt = new Date(Date.now() + 3_600_000);
    const planned = { flagKey: 'planned', environment: 'staging', scheduledAt, updates: { defaultVariant: 'green' } };
    const { id } = await spine.createSchedule(anAdmin(), planned);
    const { err, exitCode } = await importing(document({ 'also-fine': flag(), planned: flag({ variants: { red: 'r' } }) }));
    expect(exitCode).toBe(1);
    expect(err).toContain(
      `flags.planned.variants: must include 'green': the default variant of schedule '${id}', due in staging at ${scheduledAt.toISOString()}, needs it`,
    );
    expect(await stored('also-fine')).toBeNull();
  });

  it('ends after the flag that is under way when it is interrupted, and goes on when it is run again', async () => {
    const file = document({ i1: flag(), i2: flag(), i3: flag() });
    const { err, exitCode } = await run(['import', file, '--environment', 'production'], { interruptAtFlag: 2 });
    expect(err).toBe(`Interrupted (run it again to continue): ${summary(2, 0, 0)}`);
    expect(exitCode).toBe(130);
    expect(await eventsOf('i2')).toHaveLength(2);
    expect((await importing(file)).err).toBe(summary(1, 0, 2));
  });

  it.each(['flags read', 'flags compared'])('ends before anything is changed when it is interrupted at: %s', async (output) => {
    const file = document({ n1: flag(), n2: flag() });
    const { err, exitCode } = await run(['import', file], { tty: true, interruptAtOutput: output });
    expect(err).toContain(`Interrupted (run it again to continue): ${summary(0, 0, 0)}`);
    expect(exitCode).toBe(130);
    expect(await stored('n1')).toBeNull();
  });

  it('lets signals be heard between its flags', async () => {
    const file = document(Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`s${index}`, flag()])));
    let heard = 0;
    const count = () => {
      heard++;
      next = setImmediate(count);
    };
    let next = setImmediate(count);
    await run(['import', file, '--dry-run']);
    clearImmediate(next);
    // It reads each, compares each, and says of each what would be done.
    expect(heard).toBeGreaterThanOrEqual(150);
  });

  it('shows a bar where standard error is a terminal, and none elsewhere', async () => {
    const file = document({ bar: flag() });
    const args = ['import', file, '--environment', 'production'];
    const { err } = await run(args, { tty: true });
    for (const unit of ['flags read', 'flags compared', 'flags']) expect(err).toMatch(new RegExp(`\\d+ % · \\d ${unit}`));
    expect((await run([...args, '--dry-run'], { tty: true })).err).toMatch(/\d+ % · \d flags compared/);
    expect((await run(args)).err).not.toContain('%');
  });
});

describe('flagtrail import', () => {
  it.each<[string[], RegExp]>([
    [['import', '--environment', 'production'], /missing required argument 'file'/],
    [['import', '/nowhere/x.json', '--environment', 'production'], /\/nowhere\/x\.json cannot be read: ENOENT/],
    [['import', 'x.csv', '--environment', 'production', '--format', 'yaml'], /unknown option '--format'/],
    [['import', 'x.json', '--environment', 'production', '--by', ''], /'' is invalid\. allowed: 1 to 255 characters/],
  ])('refuses %j in one line that says what is allowed', async (args, message) => {
    const { out, err, exitCode } = await run(args);
    expect({ out, exitCode }).toEqual({ out: '', exitCode: 1 });
    expect(err).toMatch(message);
    expect(err.trimEnd()).not.toContain('\n');
  });

  it('refuses what is no JSON, an unknown environment, and a user without a name', async () => {
    expect((await importing(written('{', 'x.json'))).err).toMatch(/^flagtrail: .*x\.json is not JSON: /);
    expect((await importing(written('key,enabled\na,true\n', 'x.csv'))).err).toMatch(/^flagtrail: .*x\.csv is not JSON: /);
    const file = document({ x: flag() });
    expect((await run(['import', file, '--environment', 'nowhere'])).err).toBe("flagtrail: There is no environment 'nowhere'\n");
    expect((await run(['import', file, '--environment', 'production'], { userName: null })).err).toMatch(/set --by/);
  });

  it('refuses a file that is too large, and too many flags, in one line with the limit', async () => {
    const large = written(Buffer.alloc(32 * 1024 * 1024 + 1, ' ').toString(), 'large.json');
    expect((await importing(large)).err).toBe(`flagtrail: ${large} has 33 MiB: at most 32 MiB can be imported at once\n`);
    const keys = Array.from({ length: 20_001 }, (_, index) => `k${index}`);
    const json = document(Object.fromEntries(keys.map((key) => [key, null])));
    expect((await importing(json)).err).toBe(`flagtrail: ${json} has 20001 flags: at most 20000 can be imported at once\n`);
  });

  it('is for production where no environment is given', async () => {
    expect((await run(['import', document({ usual: flag() })])).err).toBe(summary(1, 0, 0, 'production'));
  });

  it('explains itself with examples and limits', async () => {
    const { out, exitCode } = await run(['import', '--help']);
    expect(exitCode).toBe(0);
    expect(out).toContain('at most 32 MiB and 20,000 flags');
    expect(out).toContain('flagtrail import flags.flagd.json --environment staging --dry-run');
  });
});

describe('flagtrail export flags', () => {
  it('names flags that flagd cannot have, and leaves them out', async () => {
    await spine.createFlag(anAdmin(), { key: 'limit', name: 'Limit', type: 'NUMBER' });
    const { out, err } = await run(['export', 'flags', '--environment', 'production']);
    expect(JSON.parse(out).flags).not.toHaveProperty('limit');
    expect(err).toMatch(/^left out limit: it has no variants yet\n\d+ flags of production, 1 left out\n$/);
  });

  it('says so where the environment is unknown', async () => {
    const { out, err, exitCode } = await run(['export', 'flags', '--environment', 'nowhere']);
    expect({ out, err, exitCode }).toEqual({ out: '', err: "flagtrail: There is no environment 'nowhere'\n", exitCode: 1 });
  });

  it('is recorded where AUDIT_READS asks for it, and only there', async () => {
    const exports = () => readEventsOfType(db, 'flag.exported');
    await run(['export', 'flags', '--environment', 'staging']);
    expect(await exports()).toHaveLength(0);
    await run(['export', 'flags', '--environment', 'staging'], { env: { AUDIT_READS: 'exported' } });
    expect((await exports()).map(({ actor }) => actor)).toEqual([
      { type: 'SERVICE_ACCOUNT', id: 'flagtrail-export', name: 'flagtrail export, for sam', email: null },
    ]);
  });
});

describe('flagtrail import, as a process of its own', () => {
  const start = async (dataDir: string, file: string) => {
    const main = fileURLToPath(new URL('../main.ts', import.meta.url));
    const args = ['--disable-warning=ExperimentalWarning', main, 'import', file, '--environment', 'production', '--by', 'alice'];
    const env = { PATH: process.env.PATH, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE, DATA_DIR: dataDir };
    const { stdout, stderr, code } = await promisify(execFile)(process.execPath, args, { env }).then(
      (streams) => ({ ...streams, code: 0 }),
      (failed: { stdout: string; stderr: string; code: number }) => failed,
    );
    return { stdout, stderr, code };
  };

  it('works on the embedded database of the settings, and gives it up again', async () => {
    const dataDir = await dataDirectory();
    const file = document({ alone: flag() });
    expect(await start(dataDir, file)).toEqual({ stdout: '', stderr: summary(1, 0, 0), code: 0 });
    const lock = acquireDataDirectory(dataDir);
    try {
      const { stderr, code } = await start(dataDir, file);
      expect(stderr).toMatch(/^flagtrail: .*in use.*\n$/);
      expect(code).toBe(1);
    } finally {
      lock.release();
    }
  });
});
