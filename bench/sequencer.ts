import pg from 'pg';
import { sequenceOutbox } from '../src/audit/store/outbox.ts';
import { openDatabases } from '../src/database/open-database.ts';
import type { Bench } from './lab.ts';
import { sampleEntry } from './sample-event.ts';
import { seedOutbox } from './seed.ts';

const events = 50_000;
const batchSize = 1000;

/** Measures how fast committed events get their positions. The reference only moves their bytes. */
export const benchSequencer: Bench = {
  name: 'sequencer',
  steps: (rounds) => 2 * rounds,
  run: async (lab, { rounds, step }) => {
    const { id, entry } = sampleEntry();
    const seeded = await lab.createDatabase();
    await lab.sql(seeded, seedOutbox(events, entry, id));
    const sequenced: number[] = [];
    const moved: number[] = [];
    for (let round = 1; round <= rounds; round++) {
      step(`sequencing ${events} events, round ${round}`);
      const url = await lab.createDatabase({ copyOf: seeded });
      await lab.settle();
      sequenced.push(await sequenceAll(url));
      const [head] = await lab.sql<{ size: string; last: string }>(
        url,
        'SELECT size, (SELECT max(position) FROM audit_log) AS last FROM audit_head',
      );
      if (Number(head?.size) !== events || head?.last !== head?.size) throw new Error(`the log ends at ${JSON.stringify(head)}`);
      step(`moving the bytes of ${events} events, round ${round}`);
      const otherUrl = await lab.createDatabase({ copyOf: seeded });
      await lab.settle();
      moved.push(await moveAll(otherUrl));
    }
    return [
      {
        label: `sequencer, ${batchSize} events a transaction`,
        unit: '/s',
        values: sequenced,
        reference: { label: 'moving the bytes alone', values: moved },
      },
    ];
  },
};

const sequenceAll = async (url: string): Promise<number> => {
  const place = { databaseUrl: url, databaseConnections: 1, dataDir: null };
  const { pipeline: database, close } = await openDatabases(place, { pools: 'one', schema: 'any' });
  try {
    await sequenceOutbox(database.prisma, 1);
    const startedAtMs = performance.now();
    let taken = 0;
    for (let batch = -1; batch !== 0; taken += batch) batch = await sequenceOutbox(database.prisma, batchSize);
    return taken / ((performance.now() - startedAtMs) / 1000);
  } finally {
    await close();
  }
};

/** The minimum that a sequencer has to do: no parsing, no hashes, and no index except the primary key. */
const moveAll = async (url: string): Promise<number> => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query('CREATE TABLE bytes (position bigserial PRIMARY KEY, entry text NOT NULL)');
    const startedAtMs = performance.now();
    let taken = 0;
    for (let batch = -1; batch !== 0; taken += batch) {
      const { rowCount } = await client.query(`WITH moved AS (
          DELETE FROM audit_outbox WHERE id IN (SELECT id FROM audit_outbox ORDER BY id LIMIT ${batchSize}) RETURNING id, event
        ) INSERT INTO bytes (entry) SELECT event FROM moved ORDER BY id`);
      batch = rowCount ?? 0;
    }
    return taken / ((performance.now() - startedAtMs) / 1000);
  } finally {
    await client.end();
  }
};
