import { Prisma } from '../../generated/prisma/client.ts';

// Schedules in raw statements, where their table is `d`.

/** Columns of a schedule under the names that Prisma's rows have. */
export const scheduleColumns = Prisma.sql`d.id, d.flag_id AS "flagId", d.flag_key AS "flagKey",
  d.environment_key AS "environmentKey", d.scheduled_at AS "scheduledAt", d.status, d.updates, d.created_by AS "createdBy",
  d.cancelled_by AS "cancelledBy", d.cancelled_at AS "cancelledAt", d.cancel_reason AS "cancelReason", d.applied_at AS "appliedAt",
  d.error_message AS "errorMessage", d.last_error AS "lastError", d.last_error_at AS "lastErrorAt", d.retry_count AS "retryCount", d.max_retries AS "maxRetries",
  d.next_retry_at AS "nextRetryAt", d.tried_state_version AS "triedStateVersion", d.tried_flag_version AS "triedFlagVersion",
  d.idempotency_key AS "idempotencyKey", d.requested, d.decided_at AS "decidedAt", d.version, d.created_at AS "createdAt"`;

/** What can still become due. Spelled as the partial index `feature_flag_schedules_due` has it, or it is not used. */
export const isOpen = Prisma.sql`(d.status = 'PENDING' OR d.next_retry_at IS NOT NULL)`;
export const dueAt = Prisma.sql`coalesce(d.next_retry_at, d.scheduled_at)`;

/** Whether a schedule sets the status of its flag, which is the same in all environments. */
export const setsStatus = Prisma.sql`jsonb_typeof(d.updates -> 'status') = 'string'`;
