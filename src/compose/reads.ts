import { makeApiKeyStore } from '../api-keys/store/api-key-store.ts';
import { makeExportEvents } from '../audit/commands/export-events.ts';
import { makeAuditLog } from '../audit/store/audit-log.ts';
import type { Database } from '../database/database.ts';
import { inSnapshot } from '../database/in-snapshot.ts';
import { makeEnvironmentStore } from '../environments/store/environment-store.ts';
import { makeFlagStore } from '../flags/store/flag-store.ts';
import { findLastEvents } from '../schedules/store/last-events.ts';
import { makeCountSchedules } from '../schedules/store/schedule-counts.ts';
import { makeScheduleStore } from '../schedules/store/schedule-store.ts';
import { makeServiceStore } from '../service/store/service-store.ts';
import { makeExportBundle } from '../transparency/commands/export-bundle.ts';
import { makeProofs } from '../transparency/commands/proofs.ts';
import { makeBundleReads } from '../transparency/store/bundle-reads.ts';
import { makeCheckpoints } from '../transparency/store/checkpoint-store.ts';
import { makeTree } from '../transparency/store/tree-store.ts';

/** Wires everything that only reads: part of the application, and all that some commands need. */
export const composeReads = (database: Pick<Database, 'prisma' | 'kind'>) => {
  const { prisma } = database;
  const log = makeAuditLog(prisma);
  const tree = makeTree(prisma);
  const checkpoints = makeCheckpoints(prisma);
  return {
    environments: makeEnvironmentStore(prisma),
    flags: makeFlagStore(prisma),
    schedules: makeScheduleStore(prisma),
    countSchedules: makeCountSchedules(prisma),
    findLastEvents: (scheduleIds: readonly string[]) => findLastEvents(prisma, scheduleIds),
    apiKeys: makeApiKeyStore(prisma),
    log,
    tree,
    checkpoints,
    proofs: makeProofs({ log, tree, checkpoints }),
    exportEvents: makeExportEvents({ log }),
    exportBundle: makeExportBundle({
      checkpoints,
      inSnapshot: (work) => inSnapshot(database, (tx) => work(makeBundleReads(tx))),
    }),
    readServiceFacts: makeServiceStore(database).readFacts,
  };
};
