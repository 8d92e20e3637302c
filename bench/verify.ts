import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { makeLogSigner } from '../test/support/log-signer.ts';
import type { Bench, Lab } from './lab.ts';
import { sampleLogin } from './sample-event.ts';
import { seedLog } from './seed.ts';
import type { Figure } from './statistics.ts';

const sizes = [100_000, 1_000_000];
const child = fileURLToPath(new URL('./verify-process.ts', import.meta.url));

type Measured = { perSecond: number; peakMiB: number };
const measure = async (url: string, key: string, what: 'verify' | 'hash'): Promise<Measured> => {
  const args = ['--disable-warning=ExperimentalWarning', child, url, key, what];
  return JSON.parse((await promisify(execFile)(process.execPath, args)).stdout);
};

/** Fills a log and signs its end. */
const makeLog = async (lab: Lab, size: number) => {
  const url = await lab.createDatabase();
  await lab.sql(url, seedLog(size, sampleLogin()));
  const [head] = await lab.sql<{ id: string; root: Buffer }>(url, 'SELECT log_id::text AS id, root_hash AS root FROM audit_head');
  if (!head) throw new Error('the log has no head');
  const signer = makeLogSigner(`flagtrail/${head.id}`);
  const note = signer.checkpoint(size, head.root).replaceAll("'", "''");
  await lab.sql(
    url,
    `INSERT INTO audit_checkpoints (epoch, size, root_hash, note, signed_at) SELECT 1, size, root_hash, '${note}', now() FROM audit_head`,
  );
  await lab.settle();
  return { url, key: signer.line };
};

/** Measures how fast `flagtrail verify` reads a log, and how much memory it needs, beside reading and hashing it alone. */
export const benchVerify: Bench = {
  name: 'verify',
  steps: (rounds) => sizes.length * (1 + rounds),
  run: async (lab, { rounds, step }) => {
    const figures: Figure[] = [];
    for (const size of sizes) {
      step(`filling a log with ${size} events`);
      const { url, key } = await makeLog(lab, size);
      const verified: Measured[] = [];
      const hashed: Measured[] = [];
      for (let round = 1; round <= rounds; round++) {
        step(`verifying ${size} events, round ${round}`);
        verified.push(await measure(url, key, 'verify'));
        hashed.push(await measure(url, key, 'hash'));
      }
      const figureOf = (label: string, unit: string, field: keyof Measured): Figure => ({
        ...{ label: `${label} ${size.toLocaleString('en-GB')} events`, unit, values: verified.map((one) => one[field]) },
        reference: { label: 'reading and hashing them alone', values: hashed.map((one) => one[field]) },
      });
      figures.push(figureOf('verifying', '/s', 'perSecond'), figureOf('peak memory at', 'MiB', 'peakMiB'));
    }
    return figures;
  },
};
