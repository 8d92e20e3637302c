import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { between, makeRandom } from '../../chaos/random.ts';
import { openNote, verifierLine } from '../../src/transparency/signing/ed25519-notes.ts';
import { makeFileAnchor } from '../../src/transparency/signing/file-anchor.ts';
import { makeSignCheckpoint } from '../../src/transparency/signing/sign-checkpoint.ts';
import { parseSigningKey } from '../../src/transparency/signing/signing-key.ts';
import { makeCheckpoints } from '../../src/transparency/store/checkpoint-store.ts';
import { makeTree } from '../../src/transparency/store/tree-store.ts';
import { startProcess } from '../support/child-process.ts';
import { createPostgresDatabase } from '../support/databases.ts';
import { growingLog } from '../support/growing-log.ts';
import { merkleRoot, merkleRootsAt, readLeaves } from '../support/leaves.ts';
import { logKey } from '../support/log-key.ts';
import { temporaryFolder } from '../support/service.ts';
import { logSize } from '../support/tables.ts';

const seed = 20_261_122;
const kills = 100;
const lanes = 2;

it(`two processes that sequence and sign in turns are killed ${kills} times: the log has no gap, its tree is that of its entries, every checkpoint holds, and it goes on (seed ${seed})`, async () => {
  const database = await createPostgresDatabase();
  const key = parseSigningKey(logKey);
  const wrong: unknown[] = [];
  const did: Record<string, number> = {};

  const runLane = async (lane: number): Promise<string> => {
    const random = makeRandom(seed + lane);
    const dataDir = path.join(temporaryFolder(), 'data');
    mkdirSync(dataDir);
    const start = () => {
      const args = [database.url, dataDir, String(Math.floor(random() * 1000)), logKey];
      return startProcess(new URL('./signing-process.ts', import.meta.url), args);
    };
    let next = start();
    for (let killed = 0; killed < kills / lanes; killed++) {
      const child = next;
      // The next one is at work before this one dies.
      if (killed + 1 < kills / lanes) next = start();
      // Somewhere in what comes after so many steps: the process does not wait for its killer.
      for (let steps = between(random, 1, 12); steps > 0; steps--) {
        const message = (await child.nextMessage()) as { did?: string; wrong?: string };
        if (message.wrong !== undefined) wrong.push(message.wrong);
        else did[message.did ?? ''] = (did[message.did ?? ''] ?? 0) + 1;
      }
      await child.kill();
    }
    return dataDir;
  };
  const folders = await Promise.all(Array.from({ length: lanes }, (_, lane) => runLane(lane)));
  expect(wrong).toEqual([]);
  // Each of the steps was among those that were cut off.
  expect(Object.keys(did).sort()).toEqual(['anchor', 'record', 'sequence', 'sign']);

  const size = await logSize(database);
  const positions = await database.sql<{ position: number }>('SELECT position FROM audit_log ORDER BY position');
  expect(positions.map(({ position }) => position)).toEqual(Array.from({ length: size }, (_, index) => index + 1));
  const leaves = await readLeaves(database);
  expect(await makeTree(database.database.prisma).rootAt(size)).toEqual(merkleRoot(leaves));

  type Row = { log_id: string; size: number; note: string };
  const checkpoints = await database.sql<Row>(
    'SELECT log_id, c.size::int, note FROM audit_checkpoints c, audit_head ORDER BY c.size',
  );
  const roots = merkleRootsAt(
    leaves,
    checkpoints.map((checkpoint) => checkpoint.size),
  );
  expect(checkpoints.length).toBeGreaterThan(lanes);
  for (const [index, { log_id, note, ...checkpoint }] of checkpoints.entries()) {
    const name = `flagtrail/${log_id}`;
    const root = roots[index]?.toString('base64');
    expect(openNote(note, [verifierLine(name, key)])).toBe(`${name}\n${checkpoint.size}\n${root}\n`);
  }

  await growingLog(database).grow();
  for (const dataDir of folders) {
    const { prisma } = database.database;
    const clock = { now: () => new Date() };
    const signer = makeSignCheckpoint({ store: makeCheckpoints(prisma), tree: makeTree(prisma), key, clock });
    for (const note of await makeFileAnchor({ dataDir }).read(AbortSignal.timeout(10_000)))
      expect(await signer.witness(note, dataDir)).toBe(null);
    expect((await signer.sign({ hurry: true })).is).toMatch(/^(signed|up to date)$/);
  }
  expect(await makeCheckpoints(database.database.prisma).latest()).toMatchObject({ size: await logSize(database) });
}, 300_000);
