import type { ApiKeyWriter } from '../api-keys/commands/api-key-store.ts';
import type { AuditLogger } from '../audit/ports/audit-logger.ts';
import type { EnvironmentWriter } from '../environments/commands/environment-store.ts';
import type { FlagWriter } from '../flags/commands/flag-store.ts';
import type { ScheduleWriter } from '../schedules/commands/schedule-store.ts';

/** What one transaction can reach. */
export type Transaction = {
  flags: FlagWriter;
  environments: EnvironmentWriter;
  schedules: ScheduleWriter;
  apiKeys: ApiKeyWriter;
  audit: AuditLogger;
};

/**
 * Runs the work in one transaction, with the events that it logs: all of it is committed, or nothing. The work may run more
 * than once (a deadlock, an audit function that fails), so it must have no effect outside of its transaction.
 */
export type InTransaction = <T>(work: (transaction: Transaction) => Promise<T>) => Promise<T>;
