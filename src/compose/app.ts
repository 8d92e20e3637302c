import { randomBytes } from 'node:crypto';
import { sha256 } from '../api-keys/authentication/sha256.ts';
import { makeCreateApiKey } from '../api-keys/commands/create-api-key.ts';
import { makeRevokeApiKey } from '../api-keys/commands/revoke-api-key.ts';
import { makeRecordAuditEvents } from '../applications/commands/record-audit-events.ts';
import { makeFindRecorded } from '../applications/store/find-recorded.ts';
import { makeErasePerson } from '../audit/commands/erase-person.ts';
import type { AuditLogger } from '../audit/ports/audit-logger.ts';
import type { Config } from '../config/config.ts';
import type { Database } from '../database/database.ts';
import { makeCreateEnvironment } from '../environments/commands/create-environment.ts';
import { makeDeleteEnvironment } from '../environments/commands/delete-environment.ts';
import { makeSetEnvironmentEnabled } from '../environments/commands/set-environment-enabled.ts';
import { makeUpdateEnvironment } from '../environments/commands/update-environment.ts';
import { makeExportFlags } from '../flagd/commands/export-flags.ts';
import { makeImportFlags } from '../flagd/commands/import-flags.ts';
import { makeChangeOverrides } from '../flags/commands/change-overrides.ts';
import { makeChangeRules } from '../flags/commands/change-rules.ts';
import { makeCreateFlag } from '../flags/commands/create-flag.ts';
import { makeDeleteFlag } from '../flags/commands/delete-flag.ts';
import { type Emergency, makeOverrideInEmergency } from '../flags/commands/override-in-emergency.ts';
import { makeRecordFlagReads } from '../flags/commands/record-flag-reads.ts';
import { makeRunExperiment } from '../flags/commands/run-experiment.ts';
import { makeSetFlagStatus, makeUpdateFlag } from '../flags/commands/update-flag.ts';
import { makeUpdateFlagState } from '../flags/commands/update-flag-state.ts';
import type { Surroundings } from '../process/surroundings.ts';
import { makeApplyDueSchedules } from '../schedules/commands/apply-due-schedules.ts';
import { makeApplyScheduleNow } from '../schedules/commands/apply-schedule-now.ts';
import { cancelWithFlag, makeCancelSchedule, makeCancelSchedules } from '../schedules/commands/cancel-schedule.ts';
import { makeCreateSchedule } from '../schedules/commands/create-schedule.ts';
import { makeRetrySchedule, makeUpdateSchedule } from '../schedules/commands/update-schedule.ts';
import { composeReads } from './reads.ts';
import type { InTransaction } from './unit-of-work.ts';

type Parts = {
  /** Runs changes. */
  inTransaction: InTransaction;
  /** Serves reads. */
  reads: Pick<Database, 'prisma' | 'kind'>;
  /** Serves what a change reads before its transaction; `reads` by default. */
  writes?: Pick<Database, 'prisma'>;
  /** Records events outside a transaction. */
  audit: AuditLogger;
  /** The most due schedules that one transaction applies. */
  batchSize?: number;
};
type Settings = Pick<Config, 'defaultEnvironment' | 'auditReads'>;

/** Wires every use case once: for the service, the commands, the tests and the bench. */
export const composeApp = (
  { defaultEnvironment, auditReads }: Settings,
  { inTransaction, reads, writes = reads, audit, batchSize = 500 }: Parts,
  { clock, newId, random, logger }: Pick<Surroundings, 'clock' | 'newId' | 'random' | 'logger'>,
) => {
  const commands = { inTransaction, clock, newId };
  const read = composeReads(reads);
  const { environments, flags, schedules } = read;
  const changes = {
    createFlag: makeCreateFlag(commands),
    updateFlag: makeUpdateFlag(commands),
    updateFlagState: makeUpdateFlagState(commands),
  };
  const { recordFlagViewed, recordFlagsExported } = makeRecordFlagReads({ audit, audited: auditReads });
  return {
    ...read,

    createEnvironment: makeCreateEnvironment(commands),
    updateEnvironment: makeUpdateEnvironment(commands),
    deleteEnvironment: makeDeleteEnvironment({ ...commands, defaultEnvironment }),
    setEnvironmentEnabled: makeSetEnvironmentEnabled(commands),

    ...changes,
    setFlagStatus: makeSetFlagStatus(commands),
    deleteFlag: makeDeleteFlag({ ...commands, cancelOpenSchedules: cancelWithFlag }),
    ...makeChangeRules(commands),
    ...makeChangeOverrides(commands),
    ...makeRunExperiment(commands),
    ...makeOverrideInEmergency({ ...commands, onEmergency: warnOfEmergency(logger) }),
    recordFlagViewed,

    createSchedule: makeCreateSchedule(commands),
    updateSchedule: makeUpdateSchedule(commands),
    retrySchedule: makeRetrySchedule(commands),
    applySchedule: makeApplyScheduleNow(commands),
    cancelSchedule: makeCancelSchedule(commands),
    cancelSchedules: makeCancelSchedules(commands),
    applyDueSchedules: makeApplyDueSchedules({ inTransaction, random, batchSize }),

    exportFlags: makeExportFlags({ environments, flags, onExported: recordFlagsExported }),
    importFlags: makeImportFlags({ environments, flags, schedules, ...changes, clock }),

    createApiKey: makeCreateApiKey({ ...commands, randomBytes, sha256 }),
    revokeApiKey: makeRevokeApiKey(commands),

    erasePerson: makeErasePerson(commands),

    recordAuditEvents: makeRecordAuditEvents({ ...commands, findRecorded: makeFindRecorded(writes.prisma) }),
  };
};

export type App = ReturnType<typeof composeApp>;

/** Capitals, so that an operator sees it at once in the log. */
const warnOfEmergency =
  (logger: Surroundings['logger']) =>
  ({ lifted, ...emergency }: Emergency): void =>
    logger.warn(emergency, lifted ? 'an emergency override was lifted' : 'EMERGENCY OVERRIDE');
