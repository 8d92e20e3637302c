import { z } from 'zod';
import { flagStatuses } from '../flags/model/flag.ts';
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
  updates: z.object({
    enabled: z.boolean().nullable(),
    rolloutPercentage: z.int().nullable(),
    defaultVariant: z.string().nullable(),
    rules: z.array(z.object({ key: z.string(), description: z.string().nullable(), targeting: z.json() })).nullable(),
    status: z.enum(flagStatuses).nullable(),
  }),
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
