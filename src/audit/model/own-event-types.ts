import { z } from 'zod';
import type { DraftOf } from './audit-event.ts';
import type { EventTypes } from './event-types.ts';
import { recorderSchema } from './recorder.ts';

const instant = z.iso.datetime();

/** The audit wing's own event types: about access, and about the log itself. */
export const ownEventTypes = {
  'access.denied': {
    description:
      'A caller lacked the role that an operation requires. Each caller gets at most 100 such events a minute, and then one event that counts the rest in `more`.',
    metadata: z.object({
      operation: z.string(),
      requiredRole: z.string(),
      /**
       * How many refusals have no event of their own, and from when to when. The event's other fields describe the last of them.
       */
      more: z.int().optional(),
      since: instant.optional(),
      until: instant.optional(),
    }),
  },
  'audit.loss': {
    description: 'Events were lost before they reached the log. This event says how many.',
    metadata: z.object({
      count: z.int(),
      reason: z.string(),
      since: instant,
      until: instant,
      /** The application that declared the loss; absent if Flagtrail itself lost the events. */
      recordedBy: recorderSchema.optional(),
    }),
  },
} as const satisfies EventTypes;

export type OwnEventDraft<Type extends keyof typeof ownEventTypes> = DraftOf<typeof ownEventTypes, Type>;
