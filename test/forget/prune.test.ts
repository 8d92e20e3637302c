import { Writable } from 'node:stream';
import { Command, CommanderError } from 'commander';
import { pino } from 'pino';
import { v7 as uuidv7 } from 'uuid';
import { describe, expect, it } from 'vitest';
import { makeBus } from '../../src/audit/log/bus.ts';
import { makeFollow } from '../../src/audit/log/follow.ts';
import { makeTail } from '../../src/audit/log/tail.ts';
import { completeEvent } from '../../src/audit/model/audit-event.ts';
import { makeSinkRunner } from '../../src/audit/sinks/sink-runner.ts';
import { makePrismaSinkCursors } from '../../src/audit/store/sink-cursors.ts';
import { addPruneCommand } from '../../src/cli/prune.ts';
import { readServiceReport } from '../../src/cli/service-report.ts';
import { composeCommand } from '../../src/compose/command.ts';
import { readConfig } from '../../src/config/config.ts';
import { openOutput } from '../../src/process/output.ts';
import { makeTree } from '../../src/transparency/store/tree-store.ts';
import { atTestEnd } from '../support/at-test-end.ts';
import { createPostgresDatabase, databases, openBeside, type TestDatabase } from '../support/databases.ts';
import { range } from '../support/emit.ts';
import { toTestLines } from '../support/log-entries.ts';
import { temporaryFolder } from '../support/service.ts';
import { anAdmin, makeSpine, newId } from '../support/spine.ts';
import { emitEntries, logSize, readEventsOfType } from '../support/tables.ts';

const silent = pino({ level: 'silent' });
const aFlagCreated = () => {
  const { actor } = anAdmin('ada', 'ada@mail.example');
  const metadata = { flagKey: 'x', adminUserId: 'ada', adminEmail: 'ada@mail.example' };
  const event = completeEvent(
    { eventType: 'flag.created', actor, description: 'x', metadata },
    { id: uuidv7(), now: new Date(), defaultEnvironment: 'production' },
  );
  return { id: event.id, lines: toTestLines(event) };
};

/** Appends events, and returns their ids. */
const append = async (db: TestDatabase, count: number): Promise<string[]> => {
  const events = Array.from({ length: count }, aFlagCreated);
  await emitEntries(
    db,
    events.map(({ lines }) => lines),
  );
  await (await makeSpine(db.database)).sequence();
  return events.map(({ id }) => id);
};
const nowOf = async ({ sql }: TestDatabase) =>
  (await sql<{ now: Date }>('SELECT clock_timestamp() AS now, pg_sleep(0.01)'))[0]?.now ?? expect.unreachable();
/** A checkpoint over all that the log has. */
const cover = ({ sql }: TestDatabase) =>
  sql(
    `INSERT INTO audit_checkpoints (epoch, size, root_hash, note, signed_at) SELECT epoch, size, root_hash, 'test', now() FROM audit_head`,
  );
/** A log of 600 events: the instant lies after the 520th, so two whole tiles lie before it. */
const aLog = async (db: TestDatabase) => {
  const ids = await append(db, 520);
  const before = await nowOf(db);
  ids.push(...(await append(db, 80)));
  await cover(db);
  return { ids, before };
};

/** As the owner of the tables opens it. */
const asOwner = async (db: TestDatabase) => (db.ownerUrl === null ? db.database : openBeside(db.ownerUrl));

/** Runs `flagtrail prune` as the command line does. */
const prune = async (db: TestDatabase, args: readonly string[], interruptAt = Number.POSITIVE_INFINITY) => {
  const written = { code: 0, err: '' };
  let interrupt = () => {};
  const stderr = new Writable({
    write: (chunk, _encoding, done) => {
      written.err += chunk;
      done();
    },
  });
  const program = new Command().exitOverride().configureOutput({ writeErr: (text) => stderr.write(text) });
  const stdout = openOutput(new Writable({ write: (_chunk, _encoding, done) => done() }), { clock: { now: () => new Date() } });
  const surroundings = { logger: silent, stdout, clock: { now: () => new Date() }, newId, random: Math.random };
  addPruneCommand(program, {
    open: async () => {
      const config = readConfig({ DATA_DIR: temporaryFolder() }, { roles: [] });
      const parts = await composeCommand(config, await asOwner(db), surroundings);
      let chunks = 0;
      const pruneLog: typeof parts.pruneLog = (caller, what, { onProgress, signal }) =>
        parts.pruneLog(caller, what, {
          signal,
          onProgress: (done, total) => {
            if (++chunks === interruptAt) interrupt();
            return onProgress(done, total);
          },
        });
      return { parts: { pruneLog }, close: parts.finish };
    },
    userName: () => 'sam',
    stderr,
    onInterrupt: (listener) => {
      interrupt = listener;
      return () => {};
    },
    setExitCode: (code) => (written.code = code),
  });
  await program.parseAsync(['prune', ...args], { from: 'user' }).catch((error) => {
    if (!(error instanceof CommanderError)) throw error;
    written.code = error.exitCode;
  });
  return written;
};
const rowsOf = async ({ sql }: TestDatabase) =>
  (
    await sql<{ log: number; disclosures: number }>(
      'SELECT (SELECT count(*)::int FROM audit_log) AS log, (SELECT count(*)::int FROM audit_disclosures) AS disclosures',
    )
  )[0];

describe.each(databases)('a pruned log, on $kind,', ({ createDatabase }) => {
  it('has no entries of whole tiles that were sealed before the instant, keeps their hashes, and declares that', async () => {
    const db = await createDatabase();
    const { before } = await aLog(db);
    const proven = () => db.sql('SELECT level, index, hashes FROM audit_tiles ORDER BY level, index');
    const tiles = await proven();
    const tree = makeTree(db.database.prisma);
    const proofs = () =>
      Promise.all([
        ...[1, 100, 256, 300, 600].map((size) => tree.rootAt(size)),
        ...[0, 255, 256, 513, 599].map((leaf) => tree.inclusionProof(leaf, 600)),
        ...[1, 100, 257, 513].map((from) => tree.consistencyProof(from, 600)),
      ]);
    const before600 = await proofs();
    const { code, err } = await prune(db, ['--before', before.toISOString(), '--yes', '--by', 'alice']);
    expect([code, err]).toEqual([0, 'Removed 512 entries, positions 1 to 512.\n']);
    expect(await rowsOf(db)).toEqual({ log: 89, disclosures: 89 });
    expect(await proven()).toEqual(tiles);
    expect(await proofs()).toEqual(before600);
    expect([await tree.entryBundle(1, 256), (await tree.entryBundle(2, 88))?.length]).toEqual([null, 88]);
    expect(await readEventsOfType(db, 'log.pruned')).toMatchObject([
      {
        actor: { type: 'SERVICE_ACCOUNT', id: 'flagtrail-prune', name: 'flagtrail prune, for alice' },
        metadata: { before: before.toISOString(), prunedTo: 512, entries: 512, adminUserId: 'alice' },
      },
    ]);
    // The log goes on, tile by tile.
    await append(db, 300);
    expect(await logSize(db)).toBe(901);
    expect(await proven()).toHaveLength(3);
  });

  it('is read from where it begins: lists, counts, an event, followers, exports and sinks', async () => {
    const db = await createDatabase();
    const { ids, before } = await aLog(db);
    await prune(db, ['--before', before.toISOString(), '--yes']);
    const { log, exportEvents } = await makeSpine(db.database);
    const kept = range(513, 601);
    const positionsOf = (entries: readonly { position: number }[]) => entries.map(({ position }) => position);
    expect(positionsOf(await log.list({}, { limit: 1000, inverted: false }))).toEqual(kept);
    expect(positionsOf(await log.list({}, { limit: 1000, inverted: true }))).toEqual(kept.toReversed());
    expect(positionsOf(await log.list({ actorId: 'ada' }, { after: 100, limit: 2, inverted: false }))).toEqual([513, 514]);
    expect([await log.count({}), await log.count({ actorId: 'ada' })]).toEqual([89, 88]);
    expect([await log.find(ids[0] ?? ''), await log.find(ids[511] ?? '')]).toEqual([null, null]);
    expect(await log.find(ids[512] ?? '')).toMatchObject({ position: 513 });
    expect(positionsOf(await log.readAfter(0, 3))).toEqual([513, 514, 515]);
    expect(positionsOf(await log.readAfter(100, 3, 1e6))).toEqual([513, 514, 515]);
    expect(positionsOf(await log.readAfter(600, 3, 1e6))).toEqual([601]);

    expect((await readServiceReport(db.database)).log).toMatchObject({ size: 601, prunedTo: 512 });

    const tail = makeTail({ log, bus: makeBus(), logger: silent });
    atTestEnd(tail.stop);
    const follow = makeFollow({ log, tail, toUnavailable: () => null, takeTurn: async () => {} });
    const followed = await follow({ filter: {}, after: 10 });
    const received: number[] = [];
    while (received.length < kept.length) received.push((await followed.next()).value?.position ?? -1);
    await followed.return?.();
    expect(received).toEqual(kept);

    const onProgress = () => {};
    const lines: string[] = [];
    for await (const text of exportEvents(
      { filter: {}, newestFirst: false },
      { onProgress, signal: new AbortController().signal },
    ))
      lines.push(...text.trimEnd().split('\n'));
    expect(lines.map((line) => JSON.parse(line).position)).toEqual(kept);

    const shipped: number[] = [];
    const runner = makeSinkRunner({
      sink: {
        name: 'new',
        maxBatch: 50,
        deliver: async (entries) => {
          shipped.push(...positionsOf(entries));
          return entries.length;
        },
      },
      ...{ log, cursors: makePrismaSinkCursors({ prisma: db.database.prisma }), logger: silent, random: () => 0, holder: 'test' },
    });
    runner.start();
    await expect.poll(() => shipped).toEqual(kept);
    await runner.stop();
  });

  it('is not pruned further than a sink has shipped, than a checkpoint covers, or than the present', async () => {
    const db = await createDatabase();
    const ids = await append(db, 600);
    const before = (await nowOf(db)).toISOString();
    const refused = async (...args: string[]) => {
      const { code, err } = await prune(db, ['--before', before, '--yes', ...args]);
      expect(code).toBe(1);
      return err;
    };
    expect(await refused()).toBe(
      'error: positions up to 512 were to go, but the latest checkpoint covers nothing: run a process with the role audit until it has signed the log\n',
    );
    await cover(db);
    await db.sql(`INSERT INTO sink_cursors (name, position) VALUES ('cloudwatch', 511), ('old', 3), ('stdout', 512)`);
    expect(await refused()).toBe(
      "error: positions up to 512 were to go, but the sink 'cloudwatch' has shipped up to position 511, 'old' has shipped up to position 3: wait until it has shipped them or, if it is no longer in use, name it with --skip-sink\n",
    );
    expect(await refused('--skip-sink', 'old')).toContain("the sink 'cloudwatch' has shipped up to position 511: wait");
    expect(await refused('--before', '2999-01-01T00:00:00Z')).toContain('2999-01-01T00:00:00.000Z is in the future');
    expect((await prune(db, ['--before', before])).err).toContain('set either --dry-run or, to remove entries for good, --yes');
    await db.sql('UPDATE sink_cursors SET position = 512');
    const dry = await prune(db, ['--before', before, '--dry-run']);
    expect(dry).toEqual({ code: 0, err: 'Would remove 512 entries, positions 1 to 512.\n' });
    const log = (await makeSpine(db.database)).log;
    expect([await log.count({}), (await log.find(ids[0] ?? ''))?.position]).toEqual([600, 1]);
    const long = await prune(db, ['--before', '2000-01-01T00:00:00Z', '--yes']);
    expect(long.err).toBe(
      'Nothing to prune: no whole tile of 256 entries after position 0 was sealed before 2000-01-01T00:00:00.000Z.\n',
    );
  });
});

it('a pruning that is interrupted shows nothing of what is pruned, and the next run removes the rest without another event', async () => {
  const db = await createPostgresDatabase();
  await append(db, 1000);
  for (let n = 0; n < 5; n++) await append(db, 1000);
  const before = (await nowOf(db)).toISOString();
  await cover(db);
  const first = await prune(db, ['--before', before, '--yes'], 1);
  expect(first).toEqual({
    code: 130,
    err: 'Interrupted: 5888 entries, positions 1 to 5888 are pruned, and some of their rows are left. Run it again to remove them.\n',
  });
  expect(await rowsOf(db)).toEqual({ log: 6001 - 2560, disclosures: 6001 - 2560 });
  const { log } = await makeSpine(db.database);
  expect((await log.list({}, { limit: 1, inverted: false }))[0]?.position).toBe(5889);
  expect(await log.count({ actorId: 'ada' })).toBe(112);
  expect((await log.readAfter(3000, 1, 1e6))[0]?.position).toBe(5889);
  expect((await prune(db, ['--before', before, '--yes'])).code).toBe(0);
  expect(await rowsOf(db)).toEqual({ log: 113, disclosures: 113 });
  expect(await readEventsOfType(db, 'log.pruned')).toHaveLength(1);
});

it('rows go only once the log has declared it: while the outbox takes nothing, none does', async () => {
  const db = await createPostgresDatabase();
  const { before } = await aLog(db);
  await db.sql(`CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$`);
  await db.sql('CREATE TRIGGER no BEFORE INSERT ON audit_outbox FOR EACH ROW EXECUTE FUNCTION no()');
  const { code, err } = await prune(db, ['--before', before.toISOString(), '--yes']);
  expect([code, err]).toEqual([
    1,
    expect.stringContaining('the log has not taken the event log.pruned yet, so no row was removed'),
  ]);
  expect(await rowsOf(db)).toEqual({ log: 600, disclosures: 600 });
  // The declaration is in a spool that nobody replays: the next run declares it anew.
  await db.sql('DROP TRIGGER no ON audit_outbox');
  expect((await prune(db, ['--before', before.toISOString(), '--yes'])).code).toBe(0);
  expect(await rowsOf(db)).toEqual({ log: 89, disclosures: 89 });
  expect(await readEventsOfType(db, 'log.pruned')).toMatchObject([{ metadata: { prunedTo: 512 } }]);
});

it('two people who prune at once remove everything once, and declare it once', async () => {
  const db = await createPostgresDatabase();
  const { before } = await aLog(db);
  const runs = await Promise.all([1, 2].map(() => prune(db, ['--before', before.toISOString(), '--yes'])));
  expect(runs.map(({ code }) => code)).toEqual([0, 0]);
  expect(await rowsOf(db)).toEqual({ log: 89, disclosures: 89 });
  expect(await readEventsOfType(db, 'log.pruned')).toHaveLength(1);
});
