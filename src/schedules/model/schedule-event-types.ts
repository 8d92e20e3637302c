import { z } from 'zod';
import { adminMetadata } from '../../audit/model/attribution.ts';
import type { DraftOf } from '../../audit/model/audit-event.ts';
import type { EventTypes } from '../../audit/model/event-types.ts';
import { recordedFlagState } from '../../flags/model/flag-event-types.ts';
import { flagUpdatesShape as updates } from '../../flags/model/flag-updates.ts';

const instant = z.iso.datetime();
const scheduled = { scheduleId: z.uuid(), flagKey: z.string(), environment: z.string() };

/** The event types about schedules. */
export const scheduleEventTypes = {
  'flag_schedule.created': {
    description: 'An admin scheduled a change of a flag.',
    metadata: z.object({ ...scheduled, scheduledAt: instant, updates, ...adminMetadata }),
  },
  'flag_schedule.updated': {
    description: 'An admin edited a scheduled change, or retried a failed one.',
    metadata: z.object({
      ...scheduled,
      previousScheduledAt: instant,
      scheduledAt: instant,
      previousUpdates: updates,
      updates,
      previousMaxRetries: z.int(),
      maxRetries: z.int(),
      ...adminMetadata,
    }),
  },
  'flag_schedule.cancelled': {
    description: 'An admin cancelled a scheduled change, or deleted its flag.',
    metadata: z.object({ ...scheduled, scheduledAt: instant, ...adminMetadata, reason: z.string() }),
  },
  'flag_schedule.applied': {
    description: 'The worker applied a scheduled change, or an admin applied it by hand.',
    metadata: z.object({
      ...scheduled,
      updates,
      scheduledAt: instant,
      appliedAt: instant,
      latenessMs: z.int(),
      flagState: recordedFlagState,
    }),
  },
  'flag_schedule.failed': {
    description: 'The worker could not apply a scheduled change.',
    metadata: z.object({
      ...scheduled,
      errorMessage: z.string(),
      failedAt: instant,
      retryCount: z.int(),
      nextRetryAt: instant.nullable(),
    }),
  },
} as const satisfies EventTypes;

export type ScheduleEventDraft<Type extends keyof typeof scheduleEventTypes> = DraftOf<typeof scheduleEventTypes, Type>;
