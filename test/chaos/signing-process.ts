// Records events, sequences them and signs checkpoints, over and over, until it is killed. It says what it has done after each step.
// Arguments: the database's URL, its DATA_DIR, a number that tells its events from those of others, and the key.

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { v7 as uuidv7 } from 'uuid';
import { emitEntries, sequenceOutbox } from '../../src/audit/store/outbox.ts';
import { openDatabases } from '../../src/database/open-database.ts';
import { makeFileAnchor } from '../../src/transparency/signing/file-anchor.ts';
import { makeSignCheckpoint } from '../../src/transparency/signing/sign-checkpoint.ts';
import { parseSigningKey } from '../../src/transparency/signing/signing-key.ts';
import { makeCheckpoints } from '../../src/transparency/store/checkpoint-store.ts';
import { makeTree } from '../../src/transparency/store/tree-store.ts';
import { aLogEntry, linesOf } from '../support/log-entries.ts';

const [databaseUrl = '', dataDir = '', seed = '', pem = ''] = process.argv.slice(2);
const place = { databaseUrl, databaseConnections: 1, dataDir };
const { commands: database } = await openDatabases(place, { pools: 'one', schema: 'any' });
const { prisma } = database;
const anchor = makeFileAnchor({ dataDir });
const signer = makeSignCheckpoint({
  store: makeCheckpoints(prisma),
  tree: makeTree(prisma),
  key: parseSigningKey(pem),
  clock: { now: () => new Date() },
});
const say = (message: object) => void process.send?.(message);

for (const note of await anchor.read(AbortSignal.timeout(10_000))) {
  const useless = await signer.witness(note, path.basename(anchor.name));
  if (useless) say({ wrong: `${useless}: ${await readFile(anchor.name, 'utf8')}` });
}
for (let round = Number(seed); ; round++) {
  const entries = Array.from({ length: 1 + (round % 30) }, () => linesOf(aLogEntry(1, { id: uuidv7() })));
  await prisma.$transaction((tx) => emitEntries(tx, entries));
  say({ did: 'record' });
  await sequenceOutbox(prisma, 1 + (round % 50));
  say({ did: 'sequence' });
  const outcome = await signer.sign({ hurry: true });
  if (outcome.is === 'refused') say({ wrong: outcome.refusal.why });
  if (outcome.is !== 'signed') continue;
  say({ did: 'sign' });
  await anchor.put(outcome.checkpoint.note, AbortSignal.timeout(10_000));
  say({ did: 'anchor' });
}
