import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { pino } from 'pino';
import { v7 as uuidv7 } from 'uuid';
import { composeApp } from '../src/compose/app.ts';
import { composeEntries } from '../src/compose/entries.ts';
import { openDatabases } from '../src/database/open-database.ts';
import { makeTicker } from '../src/schedules/worker/ticker.ts';
import type { Bench, Lab } from './lab.ts';
import { applyBatchSql } from './plain-apply.ts';
import { seedDueSchedules, seedFlags } from './seed.ts';

const schedules = 20_000;
/** Fewer, because one transaction each is slow, and fewer are enough to measure it. */
const singleSchedules = 2000;
const flags = 4000;
const batchSize = 500;

type Applied = { perSecond: number; statementsPerBatch: number };

/**
 * Measures one worker that applies due schedules. The references are plain `pg` that does the same set-wise, and one
 * transaction for each schedule.
 */
export const benchApplyDue: Bench = {
  name: 'apply-due',
  steps: (rounds) => 4 * rounds,
  run: async (lab, { rounds, step }) => {
    const seeded = await seed(lab, schedules);
    const fewSeeded = await seed(lab, singleSchedules);
    const results = { batched: [] as Applied[], plain: [] as number[], single: [] as Applied[], plainSingle: [] as number[] };
    for (let round = 1; round <= rounds; round++) {
      step(`${schedules} due schedules, batches of ${batchSize}, round ${round}`);
      results.batched.push(await onCopy(lab, seeded, schedules, (url) => applyWithWorker(url, batchSize)));
      step(`${schedules} due schedules through plain pg, round ${round}`);
      results.plain.push(await onCopy(lab, seeded, schedules, (url) => applyWithPlainPg(url, batchSize)));
      step(`${singleSchedules} due schedules, one transaction each, round ${round}`);
      results.single.push(await onCopy(lab, fewSeeded, singleSchedules, (url) => applyWithWorker(url, 1)));
      step(`${singleSchedules} due schedules through plain pg, one transaction each, round ${round}`);
      results.plainSingle.push(await onCopy(lab, fewSeeded, singleSchedules, (url) => applyWithPlainPg(url, 1)));
    }
    const rates = (applied: readonly Applied[]) => applied.map(({ perSecond }) => perSecond);
    return [
      {
        label: `applying due schedules, ${batchSize} a batch, one worker`,
        unit: '/s',
        values: rates(results.batched),
        reference: { label: 'set-wise in plain pg', values: results.plain },
      },
      {
        label: '  the same worker, one transaction each',
        unit: '/s',
        values: rates(results.single),
        reference: { label: 'one each in plain pg', values: results.plainSingle },
      },
      {
        label: '  what batches bring',
        unit: '/s',
        values: rates(results.batched),
        reference: { label: 'one transaction each', values: rates(results.single) },
      },
      { label: '  statements a batch', unit: '', values: results.batched.map(({ statementsPerBatch }) => statementsPerBatch) },
    ];
  },
};

const seed = async (lab: Lab, count: number): Promise<string> => {
  const url = await lab.createDatabase();
  await lab.sql(url, seedFlags(flags) + seedDueSchedules(count, flags));
  return url;
};

/** Runs the work on a copy of the data, then checks that each schedule was applied with its event. */
const onCopy = async <Result>(
  lab: Lab,
  seeded: string,
  count: number,
  work: (url: string) => Promise<Result>,
): Promise<Result> => {
  const url = await lab.createDatabase({ copyOf: seeded });
  await lab.settle();
  const result = await work(url);
  const [found] = await lab.sql<{ applied: number; events: number }>(
    url,
    `SELECT (SELECT count(*)::int FROM feature_flag_schedules WHERE status = 'APPLIED') AS applied,
      (SELECT count(DISTINCT split_part(event, E'\\n', 1)::jsonb ->> 'scheduleId')::int FROM audit_outbox) AS events`,
  );
  if (found?.applied !== count || found.events !== count) throw new Error(`of ${count} schedules: ${JSON.stringify(found)}`);
  await lab.sql(seeded, `DROP DATABASE ${new URL(url).pathname.slice(1)} WITH (FORCE)`);
  return result;
};

/** Runs one tick of the application's worker, without its cron. */
const applyWithWorker = async (url: string, size: number): Promise<Applied> => {
  const folder = mkdtempSync(path.join(tmpdir(), 'flagtrail-bench-'));
  const logger = pino({ level: 'silent' });
  const newId = (at: Date) => uuidv7({ msecs: at.getTime() });
  const surroundings = { clock: { now: () => new Date() }, newId, random: Math.random, logger };
  const settings = { dataDir: folder, maxSpoolBytes: 1e6, defaultEnvironment: 'production', auditReads: [] };
  const place = { databaseUrl: url, databaseConnections: 2, dataDir: null };
  const { worker: database, close } = await openDatabases(place, { pools: 'one', schema: 'any' });
  const { spool, writer, inTransactionOn } = await composeEntries(settings, database, surroundings, { onRecorded: () => {} });
  try {
    const { applyDueSchedules } = composeApp(
      settings,
      { inTransaction: inTransactionOn(database), reads: database, audit: writer.audit, batchSize: size },
      surroundings,
    );
    let applied = 0;
    let batches = 0;
    const ticker = makeTicker({
      schedule: '* * * * * *',
      applyDue: applyDueSchedules,
      logger,
      onBatch: (batch) => {
        applied += batch.applied.length;
        batches += batch.applied.length > 0 ? 1 : 0;
      },
    });
    const startedAtMs = performance.now();
    const statements = await countStatements(() => ticker.tick());
    const seconds = (performance.now() - startedAtMs) / 1000;
    await ticker.stop();
    return { perSecond: applied / seconds, statementsPerBatch: statements / batches };
  } finally {
    await close();
    spool.close();
    rmSync(folder, { recursive: true, force: true });
  }
};

const applyWithPlainPg = async (url: string, size: number): Promise<number> => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const startedAtMs = performance.now();
    let applied = 0;
    for (let batch = -1; batch !== 0; applied += batch) {
      await client.query('BEGIN');
      const { rows } = await client.query<{ applied: number }>({ name: 'apply', text: applyBatchSql, values: [size] });
      await client.query('COMMIT');
      batch = rows[0]?.applied ?? 0;
    }
    return applied / ((performance.now() - startedAtMs) / 1000);
  } finally {
    await client.end();
  }
};

/** Counts the statements that this process sends during the work, including BEGIN and COMMIT. */
const countStatements = async (work: () => Promise<void>): Promise<number> => {
  let count = 0;
  const { query } = pg.Client.prototype;
  pg.Client.prototype.query = new Proxy(query, {
    apply: (target, self, args) => {
      count++;
      return Reflect.apply(target, self, args);
    },
  });
  try {
    await work();
    return count;
  } finally {
    pg.Client.prototype.query = query;
  }
};
