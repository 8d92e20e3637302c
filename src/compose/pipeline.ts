import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { makeBus } from '../audit/log/bus.ts';
import { makeEraser } from '../audit/log/eraser.ts';
import { makeSequencer } from '../audit/log/sequencer.ts';
import type { EventSink } from '../audit/ports/event-sink.ts';
import { makeCloudWatchClient } from '../audit/sinks/cloudwatch/client.ts';
import { makeCloudWatchSink } from '../audit/sinks/cloudwatch/cloudwatch-sink.ts';
import { makeSinkRunner, type SinkRunner } from '../audit/sinks/sink-runner.ts';
import { makeStdoutSink } from '../audit/sinks/stdout.ts';
import { makeAuditLog } from '../audit/store/audit-log.ts';
import { eraseSome } from '../audit/store/erasures.ts';
import { startNotifications } from '../audit/store/notifications.ts';
import { sequenceOutbox } from '../audit/store/outbox.ts';
import { makePrismaSinkCursors } from '../audit/store/sink-cursors.ts';
import type { Config } from '../config/config.ts';
import type { Database } from '../database/database.ts';
import { describeFailure } from '../database/database-errors.ts';
import type { Surroundings } from '../process/surroundings.ts';
import { composeEntries } from './entries.ts';
import { composeSigner } from './signer.ts';

/** How long a stop without a deadline waits for the anchors to take the last checkpoint. */
const lastCheckpointMs = 2000;

/**
 * Wires the audit pipeline of a process. Every role has the way into the log; the role audit adds the sequencer, the signer and the
 * sinks.
 */
export const composeAudit = async (config: Config, database: Database, surroundings: Surroundings) => {
  const { logger } = surroundings;
  const { prisma } = database;
  const remote = config.databaseUrl ? startNotifications({ url: config.databaseUrl, logger }) : undefined;
  const bus = makeBus(remote);
  const log = makeAuditLog(prisma);
  const onRecorded = () => bus.wake('outbox');
  const { spool, writer, inTransactionOn } = await composeEntries(config, database, surroundings, { onRecorded });

  const runsPipeline = config.roles.includes('audit');
  const sequencer = makeSequencer({ sequence: (limit) => sequenceOutbox(prisma, limit), bus, logger });
  const eraser = makeEraser({ erase: (limit) => eraseSome(prisma, limit), bus, logger });
  const runners = runsPipeline ? makeRunners({ config, database, surroundings, log, logger }) : [];
  const signer = runsPipeline ? await composeSigner(config, database, { bus, surroundings }) : null;
  const forget = bus.on('log', () => {
    for (const runner of runners) runner.wake();
  });

  return {
    bus,
    log,
    spool,
    inTransactionOn,
    audit: writer.audit,
    sinks: () => runners.map((runner) => runner.status()),
    /** Why the log is not signed any more; null if all is well, or if this process does not sign. */
    signingRefusal: () => signer?.refusal() ?? null,
    start: () => {
      writer.start();
      if (!runsPipeline) return;
      sequencer.start();
      eraser.start();
      for (const runner of runners) runner.start();
      signer?.start();
    },
    /** Closes the way in first, so that events under way still reach the log. */
    stop: async ({ sinksMs }: { sinksMs?: number } = {}) => {
      await writer.stop();
      await sequencer.stop();
      await eraser.stop();
      if (runsPipeline) await sequenceOutbox(prisma, 1000).catch(() => 0);
      forget();
      await Promise.all([
        signer?.stop({ deadlineMs: sinksMs ?? lastCheckpointMs }),
        ...runners.map((runner) => runner.stop(sinksMs === undefined ? {} : { deadlineMs: sinksMs })),
      ]);
      await remote?.close();
      spool.close();
    },
  };
};

export type AuditPipeline = Awaited<ReturnType<typeof composeAudit>>;

type RunnerDeps = {
  config: Config;
  database: Database;
  surroundings: Surroundings;
  log: ReturnType<typeof makeAuditLog>;
  logger: Logger;
};

const makeRunners = ({ config, database, surroundings, log, logger }: RunnerDeps): SinkRunner[] => {
  const sinks: EventSink[] = [makeStdoutSink({ stream: surroundings.stdout.stream })];
  if (config.cloudWatch) {
    const { group, stream } = config.cloudWatch;
    sinks.push(
      makeCloudWatchSink({
        client: makeCloudWatchClient(),
        logGroup: group,
        logStream: stream,
        clock: surroundings.clock,
        logger,
      }),
    );
  }
  const cursors = makePrismaSinkCursors({ prisma: database.prisma });
  // Only one process at a time uses the embedded database. With the same holder, its successor need not wait for a killed
  // process's lease to end.
  const holder = database.kind === 'pglite' ? 'embedded' : randomUUID();
  return sinks.map((sink) =>
    makeSinkRunner({ sink, log, cursors, logger, random: surroundings.random, holder, describe: describeFailure }),
  );
};
