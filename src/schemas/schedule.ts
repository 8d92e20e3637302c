import { z } from 'zod';
import { nullableUpdatesShape } from '../flags/model/flag-updates.ts';
import { scheduleStatuses } from '../schedules/model/schedule.ts';
import { scheduleWarningCodes } from '../schedules/model/schedule-warnings.ts';

const instant = z.iso.datetime();

/** The scalar fields of a schedule, as the API returns them. Use `.pick` or `.partial()` for what a query asks for. */
export const scheduleSchema = z.object({
  /** UUIDv7. */
  id: z.uuid(),
  flagKey: z.string(),
  environment: z.string(),
  scheduledAt: instant,
  /** A field that is null stays unchanged. */
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
  /** The latest failure. It stays after a retry succeeds, or the schedule is cancelled. */
  lastError: z.string().nullable(),
  lastErrorAt: instant.nullable(),
  retryCount: z.int(),
  maxRetries: z.int(),
  nextRetryAt: instant.nullable(),
  /** Warnings at the time of the request. */
  warnings: z.array(z.object({ code: z.enum(scheduleWarningCodes), message: z.string() })),
});
export type Schedule = z.infer<typeof scheduleSchema>;
