import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Spool } from '../audit/ports/spool.ts';
import type { Config } from '../config/config.ts';
import type { Database } from '../database/database.ts';
import { describeFailure } from '../database/database-errors.ts';
import { toStorableText } from '../kernel/text.ts';
import type { Surroundings } from '../process/surroundings.ts';
import { makeHeartbeat } from '../service/heartbeat/heartbeat.ts';
import type { ProcessDetail } from '../service/model/service-process.ts';
import { makeServiceStore } from '../service/store/service-store.ts';
import type { Refusal } from '../transparency/model/signing-refusals.ts';
import type { AuditPipeline } from './pipeline.ts';

const maxErrorLength = 500;

type Parts = Pick<AuditPipeline, 'signingRefusal'> & { spool: Pick<Spool, 'counts' | 'deadLetters'>; surroundings: Surroundings };

/** Announces this process to the others, and watches them. */
export const composeHeartbeat = (config: Config, database: Database, { spool, signingRefusal, surroundings }: Parts) => {
  const { logger, clock, newId } = surroundings;
  let workerError: ProcessDetail['workerError'] = null;
  const heartbeat = makeHeartbeat({
    store: makeServiceStore(database),
    self: { id: newId(clock.now()), roles: config.roles, version, host: toStorableText(hostname(), 255), pid: process.pid },
    detail: () => {
      const { spooled, lost } = spool.counts();
      return {
        spool: { waiting: spooled, lost, deadLetters: spool.deadLetters() },
        workerError,
        signing: toDetail(signingRefusal()),
      };
    },
    clock,
    logger,
    describe: describeFailure,
    isAlone: database.kind === 'pglite',
  });
  return {
    ...heartbeat,
    /** Notes why this process's worker could apply nothing; null if it could. */
    noteWorker: (failure: string | null): void => {
      workerError = failure === null ? null : { message: toStorableText(failure, maxErrorLength), at: clock.now().toISOString() };
    },
  };
};

const toDetail = (refusal: Refusal | null): ProcessDetail['signing'] => {
  if (!refusal) return null;
  const { why, contradicts } = refusal;
  if (!contradicts) return { refused: why, contradicts };
  const { epoch, size, rootHash, where } = contradicts;
  return { refused: why, contradicts: { epoch, size, rootHash: rootHash.toString('base64'), where } };
};

/** `package.json` is one folder up, both from `src` and from `dist`. */
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
