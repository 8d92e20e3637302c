import { z } from 'zod';
import type { DraftOf } from './audit-event.ts';
import type { EventTypes } from './event-types.ts';
import { recorderSchema } from './recorder.ts';

const instant = z.iso.datetime();

/** The audit wing's own event types: about access, and about the log itself. */
export const ownEventTypes = {
  'access.denied': {
    description:
      'A caller lacked the role that an operation requires. For each caller, 100 refusals a minute get an event of their own; then one event with `more` counts the rest.',
    metadata: z.object({
      operation: z.string(),
      requiredRole: z.string(),
      /**
       * Set if a caller was refused too often to record each refusal: how many further refusals there were, from when to when.
       * The other fields describe the latest one.
       */
      more: z.int().optional(),
      since: instant.optional(),
      until: instant.optional(),
    }),
  },
  'audit.loss': {
    description: 'Events were lost before they reached the log; this event counts them.',
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
