import type { Bus } from '../audit/ports/bus.ts';
import { makeCloudWatchClient } from '../audit/sinks/cloudwatch/client.ts';
import { makePutLogEvents } from '../audit/sinks/cloudwatch/put-log-events.ts';
import type { Config } from '../config/config.ts';
import type { Database } from '../database/database.ts';
import { describeFailure } from '../database/database-errors.ts';
import type { Surroundings } from '../process/surroundings.ts';
import type { Anchor } from '../transparency/ports/anchor.ts';
import { makeAnchorRunner } from '../transparency/signing/anchor-runner.ts';
import { makeCloudWatchAnchor } from '../transparency/signing/cloudwatch-anchor.ts';
import { makeFileAnchor } from '../transparency/signing/file-anchor.ts';
import { makeSignCheckpoint } from '../transparency/signing/sign-checkpoint.ts';
import { makeSigner, type Signer } from '../transparency/signing/signer.ts';
import { openSigningKey } from '../transparency/signing/signing-key.ts';
import { makeCheckpoints } from '../transparency/store/checkpoint-store.ts';
import { makeTree } from '../transparency/store/tree-store.ts';

type Needs = Pick<Surroundings, 'clock' | 'logger' | 'random'>;

/** Where checkpoints are kept outside the database, according to the settings. */
export const composeAnchors = (
  { dataDir, cloudWatch }: Pick<Config, 'dataDir' | 'cloudWatch'>,
  { clock, logger }: Needs,
): Anchor[] => {
  const file = makeFileAnchor({ dataDir });
  if (!cloudWatch) return [file];
  const place = {
    client: makeCloudWatchClient(),
    logGroup: cloudWatch.group,
    logStream: `${cloudWatch.stream}-checkpoints`,
    logger,
  };
  return [file, makeCloudWatchAnchor({ ...place, put: makePutLogEvents(place), clock })];
};

/** Wires what signs the log in a process with the role audit. Throws an Error if the key cannot be used. */
export const composeSigner = async (
  config: Config,
  { prisma }: Pick<Database, 'prisma'>,
  { bus, surroundings }: { bus: Bus; surroundings: Needs },
): Promise<Signer> => {
  const { logger, random, clock } = surroundings;
  if (!config.logSigningKey) throw new Error('the role audit needs LOG_SIGNING_KEY: the settings should have refused this');
  const key = await openSigningKey(config.logSigningKey, config);
  const signCheckpoint = makeSignCheckpoint({ store: makeCheckpoints(prisma), tree: makeTree(prisma), key, clock });
  const anchors = composeAnchors(config, surroundings).map((anchor) =>
    makeAnchorRunner({
      anchor,
      onFound: async (note) => {
        const why = await signCheckpoint.witness(note, anchor.name);
        signer.wake();
        return why;
      },
      logger,
      random,
      describe: describeFailure,
    }),
  );
  const signer = makeSigner({ signCheckpoint, anchors, bus, logger, describe: describeFailure });
  return signer;
};
