import { z } from 'zod';
import type { DraftOf } from './audit-event.ts';
import type { EventTypes } from './event-types.ts';
import { recorderSchema } from './recorder.ts';

const instant = z.iso.datetime();

/** The event types of the audit wing itself: about access, and about the log. */
export const ownEventTypes = {
  'access.denied': {
    description:
      'A caller lacked the role that an operation takes. Of each caller, 100 a minute have an event of their own; then one with `more` counts the rest.',
    metadata: z.object({
      operation: z.string(),
      requiredRole: z.string(),
      /** Where a caller is refused without end: how many more times than there are events, from when to when; of the last time the rest. */
      more: z.int().optional(),
      since: instant.optional(),
      until: instant.optional(),
    }),
  },
  'audit.loss': {
    description: 'Events were lost before they reached the log: this entry counts them.',
    metadata: z.object({
      count: z.int(),
      reason: z.string(),
      since: instant,
      until: instant,
      /** The application that declared it; absent in what Flagtrail lost itself. */
      recordedBy: recorderSchema.optional(),
    }),
  },
} as const satisfies EventTypes;

export type OwnEventDraft<Type extends keyof typeof ownEventTypes> = DraftOf<typeof ownEventTypes, Type>;
