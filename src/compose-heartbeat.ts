import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Database } from './adapters/prisma/database.ts';
import { describeFailure } from './adapters/prisma/database-errors.ts';
import { makeServiceStore } from './adapters/prisma/service-store.ts';
import type { Config } from './config.ts';
import type { ProcessDetail } from './domain/service/service-process.ts';
import { toStorableText } from './domain/text.ts';
import type { Spool } from './ports/spool.ts';
import { makeHeartbeat } from './service/heartbeat.ts';
import type { Surroundings } from './surroundings.ts';

const maxErrorLength = 500;

type Parts = { spool: Pick<Spool, 'counts'>; surroundings: Surroundings };

/** What a process says of itself to the others, and sees of them. */
export const composeHeartbeat = (config: Config, database: Database, { spool, surroundings }: Parts) => {
  const { logger, clock, newId } = surroundings;
  let workerError: ProcessDetail['workerError'] = null;
  const heartbeat = makeHeartbeat({
    store: makeServiceStore(database),
    self: { id: newId(clock.now()), roles: config.roles, version, host: toStorableText(hostname(), 255), pid: process.pid },
    detail: () => {
      const { spooled, lost } = spool.counts();
      return { spool: { waiting: spooled, lost }, workerError };
    },
    clock,
    logger,
    describe: describeFailure,
    isAlone: database.kind === 'pglite',
  });
  return {
    ...heartbeat,
    /** Why the worker of this process could apply nothing; null: it could. */
    noteWorker: (failure: string | null): void => {
      workerError = failure === null ? null : { message: toStorableText(failure, maxErrorLength), at: clock.now().toISOString() };
    },
  };
};

/** From the package's own description, which lies one folder up, in the source as in what is built. */
const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };
