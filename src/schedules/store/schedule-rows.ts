import type { FlagUpdates } from '../../flags/model/flag-updates.ts';
import { Prisma, type Schedule as Row } from '../../generated/prisma/client.ts';
import type { Plan, Schedule, ScheduleStatus } from '../model/schedule.ts';

// Parts of raw SQL about schedules. The table's alias is `d`.

/** The columns of a schedule, named as in Prisma's rows. */
export const scheduleColumns = Prisma.sql`d.id, d.flag_id AS "flagId", d.flag_key AS "flagKey",
  d.environment_key AS "environmentKey", d.scheduled_at AS "scheduledAt", d.status, d.updates, d.created_by AS "createdBy",
  d.cancelled_by AS "cancelledBy", d.cancelled_at AS "cancelledAt", d.cancel_reason AS "cancelReason", d.applied_at AS "appliedAt",
  d.error_message AS "errorMessage", d.last_error AS "lastError", d.last_error_at AS "lastErrorAt", d.retry_count AS "retryCount", d.max_retries AS "maxRetries",
  d.next_retry_at AS "nextRetryAt", d.tried_state_version AS "triedStateVersion", d.tried_flag_version AS "triedFlagVersion",
  d.idempotency_key AS "idempotencyKey", d.requested, d.decided_at AS "decidedAt", d.version, d.created_at AS "createdAt"`;

/** The next instant at which an open schedule is due. */
export const dueAt = Prisma.sql`coalesce(d.next_retry_at, d.scheduled_at)`;

type StoredPlan = { scheduledAt: string; updates: FlagUpdates; maxRetries: number };

/** `updates` is as stored, and unchecked. Applying checks it. */
export const toSchedule = ({ environmentKey, status, updates, ...row }: Omit<Row, 'updatedAt'>): Schedule => ({
  id: row.id,
  flagId: row.flagId,
  flagKey: row.flagKey,
  environment: environmentKey,
  scheduledAt: row.scheduledAt,
  status: status as ScheduleStatus,
  updates: updates as FlagUpdates,
  createdBy: row.createdBy,
  cancelledBy: row.cancelledBy,
  cancelledAt: row.cancelledAt,
  cancelReason: row.cancelReason,
  appliedAt: row.appliedAt,
  errorMessage: row.errorMessage,
  lastError: row.lastError,
  lastErrorAt: row.lastErrorAt,
  retryCount: row.retryCount,
  maxRetries: row.maxRetries,
  nextRetryAt: row.nextRetryAt,
  triedStateVersion: row.triedStateVersion,
  triedFlagVersion: row.triedFlagVersion,
  idempotencyKey: row.idempotencyKey,
  requested: toPlan(row.requested as StoredPlan | null),
  decidedAt: row.decidedAt,
  version: row.version,
  createdAt: row.createdAt,
});

const toPlan = (stored: StoredPlan | null): Plan | null => stored && { ...stored, scheduledAt: new Date(stored.scheduledAt) };
