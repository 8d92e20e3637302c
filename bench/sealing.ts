import { readFileSync } from 'node:fs';
import pg from 'pg';
import { splitLines } from '../src/audit/model/entry.ts';
import type { Bench, Lab } from './lab.ts';
import { sampleEntry } from './sample-event.ts';
import { seedLog, seedOutbox } from './seed.ts';

const events = 20_000;
const batchSize = 1000;
const logSizes = [0, 1_000_000];

/** The same sequencer without a tree: it hashes and inserts the same rows. */
const withoutTree = `
  CREATE OR REPLACE FUNCTION audit_grow_tree(size bigint, edge bytea, leaves bytea[]) RETURNS bytea LANGUAGE sql AS 'SELECT edge'`;

/** Measures what the tree costs, on an empty log and on a long one. */
export const benchSealing: Bench = {
  name: 'sealing',
  steps: (rounds) => logSizes.length * (1 + 2 * rounds),
  run: async (lab, { rounds, step }) => {
    const figures = [];
    for (const size of logSizes) {
      const { id, entry } = sampleEntry();
      step(`filling a log with ${size} entries`);
      const seeded = await lab.createDatabase();
      await lab.sql(seeded, seedLog(size, { ...splitLines(entry), id }));
      await lab.sql(seeded, seedOutbox(events, entry, id));
      const sealed: Sealed[] = [];
      const bare: Sealed[] = [];
      for (let round = 1; round <= rounds; round++) {
        step(`sealing ${events} events after ${size}, round ${round}`);
        sealed.push(await sealAll(lab, seeded, []));
        step(`the same without a tree, round ${round}`);
        bare.push(await sealAll(lab, seeded, [withoutTree]));
      }
      const at = `at ${size.toLocaleString('en-GB')}`;
      const label = 'without a tree';
      figures.push(
        figureOf(`sealing ${at}`, '/s', sealed, bare, ({ perSecond }) => perSecond, label),
        figureOf(`CPU an event ${at}`, 'µs', sealed, bare, ({ cpuMicros }) => cpuMicros, label),
      );
    }
    return figures;
  },
};

type Sealed = { perSecond: number; cpuMicros: number };

const figureOf = (
  label: string,
  unit: string,
  sealed: readonly Sealed[],
  bare: readonly Sealed[],
  pick: (one: Sealed) => number,
  other: string,
) => ({ label, unit, values: sealed.map(pick), reference: { label: other, values: bare.map(pick) } });

const sealAll = async (lab: Lab, seeded: string, before: readonly string[]): Promise<Sealed> => {
  const url = await lab.createDatabase({ copyOf: seeded });
  for (const change of before) await lab.sql(url, change);
  await lab.settle();
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    const cpuBefore = cpuMicrosOf(rows[0]?.pid);
    const startedAtMs = performance.now();
    for (let taken = batchSize; taken === batchSize; ) {
      const batch = await client.query<{ taken: number }>(`SELECT audit_sequence(${batchSize}) AS taken`);
      taken = batch.rows[0]?.taken ?? 0;
    }
    const seconds = (performance.now() - startedAtMs) / 1000;
    return { perSecond: events / seconds, cpuMicros: (cpuMicrosOf(rows[0]?.pid) - cpuBefore) / events };
  } finally {
    await client.end();
    await lab.sql(seeded, `DROP DATABASE ${new URL(url).pathname.slice(1)} WITH (FORCE)`);
  }
};

const ticksPerSecond = 100;

/** The CPU time that a server process has used, on Linux; NaN elsewhere. See proc(5): utime and stime of /proc/<pid>/stat. */
const cpuMicrosOf = (pid: number | undefined): number => {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return ((Number(fields[11]) + Number(fields[12])) * 1_000_000) / ticksPerSecond;
  } catch {
    return Number.NaN;
  }
};
