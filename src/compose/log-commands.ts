import type { KeyObject } from 'node:crypto';
import type { Config } from '../config/config.ts';
import type { Database } from '../database/database.ts';
import { describeFailure } from '../database/database-errors.ts';
import type { Surroundings } from '../process/surroundings.ts';
import { makeServiceStore } from '../service/store/service-store.ts';
import { makeRotateKey } from '../transparency/commands/rotate-key.ts';
import { makeStartEpoch, type SigningEvidence } from '../transparency/commands/start-epoch.ts';
import type { LogPoint } from '../transparency/model/checkpoint.ts';
import { makeSignCheckpoint } from '../transparency/signing/sign-checkpoint.ts';
import { makeCheckpoints } from '../transparency/store/checkpoint-store.ts';
import { makeTree } from '../transparency/store/tree-store.ts';
import { composeAnchors } from './signer.ts';
import type { InTransaction } from './unit-of-work.ts';

const anchorWithinMs = 10_000;

type Parts = { inTransaction: InTransaction; surroundings: Pick<Surroundings, 'clock' | 'logger' | 'random'> };

/** Wires the commands that look after who signs the log. */
export const composeLogCommands = (config: Config, database: Database, { inTransaction, surroundings }: Parts) => ({
  rotateKey: makeRotateKey({ inTransaction }),
  /** `key` verifies what the anchors hold. */
  startEpoch: (key: KeyObject, ...[admin, input]: Parameters<ReturnType<typeof makeStartEpoch>>) =>
    makeStartEpoch({ inTransaction, findEvidence: () => findEvidence(config, database, { key, surroundings }) })(admin, input),
});

/** What the anchors within this command's reach say, and what running processes found in theirs. */
const findEvidence = async (
  config: Config,
  database: Database,
  { key, surroundings }: { key: KeyObject; surroundings: Parts['surroundings'] },
): Promise<SigningEvidence> => {
  const { clock, logger } = surroundings;
  const place = { store: makeCheckpoints(database.prisma), tree: makeTree(database.prisma), key, clock };
  const refusals = [];
  const contradictions: LogPoint[] = [];
  for (const anchor of composeAnchors(config, surroundings)) {
    try {
      for (const note of await anchor.read(AbortSignal.timeout(anchorWithinMs))) {
        const { witness, check } = makeSignCheckpoint(place);
        await witness(note, anchor.name);
        const refusal = await check();
        if (refusal) refusals.push(refusal.why);
        if (refusal?.contradicts) contradictions.push(refusal.contradicts);
      }
    } catch (error) {
      logger.error(`${anchor.name} cannot be read: ${describeFailure(error)}`);
    } finally {
      anchor.close?.();
    }
  }
  const refusal = await makeSignCheckpoint(place).check();
  if (refusal) refusals.push(refusal.why);
  const { processes, log } = await makeServiceStore(database).readFacts();
  for (const { isSeen, detail } of processes) {
    const contradicts = detail.signing?.contradicts;
    // One of an earlier epoch: the process has not noticed yet that a new one began.
    if (!isSeen || !contradicts || contradicts.epoch < log.epoch) continue;
    refusals.push(detail.signing?.refused ?? '');
    contradictions.push({ ...contradicts, logId: log.id, rootHash: Buffer.from(contradicts.rootHash, 'base64') });
  }
  return { refusals, contradictions };
};
