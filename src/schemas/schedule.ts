import { z } from 'zod';
import { nullableUpdatesShape } from '../flags/model/flag-updates.ts';
import { scheduleStatuses } from '../schedules/model/schedule.ts';
import { scheduleWarningCodes } from '../schedules/model/schedule-warnings.ts';

const instant = z.iso.datetime();

/** A schedule as the API answers, as far as it is values of its own; `.pick` or `.partial()` what a query asks for. */
export const scheduleSchema = z.object({
  /** UUIDv7. */
  id: z.uuid(),
  flagKey: z.string(),
  environment: z.string(),
  scheduledAt: instant,
  /** A field that is null stays as it is. */
  updates: nullableUpdatesShape,
  status: z.enum(scheduleStatuses),
  version: z.int(),
  createdAt: instant,
  createdBy: z.string().nullable(),
  cancelledAt: instant.nullable(),
  cancelledBy: z.string().nullable(),
  cancelReason: z.string().nullable(),
  appliedAt: instant.nullable(),
  errorMessage: z.string().nullable(),
  /** The latest failure; it stays when a retry succeeds, or the schedule is cancelled. */
  lastError: z.string().nullable(),
  lastErrorAt: instant.nullable(),
  retryCount: z.int(),
  maxRetries: z.int(),
  nextRetryAt: instant.nullable(),
  /** As of now. */
  warnings: z.array(z.object({ code: z.enum(scheduleWarningCodes), message: z.string() })),
});
export type Schedule = z.infer<typeof scheduleSchema>;
