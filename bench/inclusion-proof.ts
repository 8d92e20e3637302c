import { splitLines } from '../src/audit/model/entry.ts';
import { makeAuditLog } from '../src/audit/store/audit-log.ts';
import { openDatabases } from '../src/database/open-database.ts';
import { makeTree } from '../src/transparency/store/tree-store.ts';
import { hashLeaf, verifyInclusion } from '../test/support/merkle.ts';
import type { Bench } from './lab.ts';
import { sampleEntry } from './sample-event.ts';
import { seedLog } from './seed.ts';
import { type Figure, percentile } from './statistics.ts';

const logSizes = [1_000, 1_000_000];
const proofs = 500;

/** Measures how long an inclusion proof takes, on a short log and on a long one. The reference reads one event. */
export const benchInclusionProof: Bench = {
  name: 'inclusion-proof',
  steps: (rounds) => logSizes.length * (1 + rounds),
  run: async (lab, { rounds, step }) => {
    const figures: Figure[] = [];
    for (const size of logSizes) {
      const { id, entry } = sampleEntry();
      step(`filling a log with ${size} entries`);
      const url = await lab.createDatabase();
      await lab.sql(url, seedLog(size, { ...splitLines(entry), id }));
      await lab.settle();
      const proven: number[][] = [];
      const read: number[][] = [];
      for (let round = 1; round <= rounds; round++) {
        step(`${proofs} proofs in a log of ${size}, round ${round}`);
        const times = await proveSome(url, size);
        proven.push(times.proven);
        read.push(times.read);
      }
      for (const share of [0.5, 0.99]) {
        const at = (round: readonly number[][]) => round.map((times) => percentile(times, share));
        figures.push({
          label: `inclusion proof at ${size.toLocaleString('en-GB')}, p${share * 100}`,
          unit: 'ms',
          values: at(proven),
          reference: { label: 'reading the event', values: at(read) },
        });
      }
    }
    return figures;
  },
};

/** Milliseconds that each proof took, and each read of an event in between. Every proof must verify. */
const proveSome = async (url: string, size: number): Promise<{ proven: number[]; read: number[] }> => {
  const place = { databaseUrl: url, databaseConnections: 1, dataDir: null };
  const { reads, close } = await openDatabases(place, { pools: 'one', schema: 'any' });
  try {
    const [tree, log] = [makeTree(reads.prisma), makeAuditLog(reads.prisma)];
    const { rootHash } = await tree.head();
    const proven: number[] = [];
    const read: number[] = [];
    for (let n = 0; n < proofs; n++) {
      const leafIndex = Math.floor(Math.random() * size);
      const [found] = await log.readAfter(leafIndex, 1);
      if (!found) throw new Error(`no event at position ${leafIndex + 1}`);
      const startedAtMs = performance.now();
      const hashes = await tree.inclusionProof(leafIndex, size);
      const provenAtMs = performance.now();
      await log.find(found.event.id);
      read.push(performance.now() - provenAtMs);
      proven.push(provenAtMs - startedAtMs);
      if (!verifyInclusion({ leafIndex, size, leafHash: hashLeaf(found.entry), hashes, root: rootHash })) {
        throw new Error(`the proof of leaf ${leafIndex} does not verify`);
      }
    }
    return { proven, read };
  } finally {
    await close();
  }
};
