import { z } from 'zod';
import { adminMetadata } from './attribution.ts';
import type { DraftOf } from './audit-event.ts';
import type { EventTypes } from './event-types.ts';
import { recorderSchema } from './recorder.ts';

const instant = z.iso.datetime();
const size = z.int().min(0);
/** Base64. */
const rootHash = z.string();

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
  'log.key_rotated': {
    description: 'Another key signs the log from now on. The key before it signed the hand-over.',
    metadata: z.object({
      /** Verifier lines, as C2SP's signed notes write them. */
      previousKey: z.string(),
      newKey: z.string(),
      /** A signed note whose text is the line of the new key. */
      handover: z.string(),
      ...adminMetadata,
    }),
  },
  'log.epoch_started': {
    description: 'The log goes on although it contradicts an earlier checkpoint, for example after a restore: a new epoch began.',
    metadata: z.object({
      epoch: z.int(),
      /** How many entries the log had, and their root. */
      size,
      rootHash,
      reason: z.string(),
      /** The verifier line of the key that signs the new epoch. */
      signingKey: z.string(),
      /** The furthest checkpoint that the log does not extend; null if none is known. */
      abandoned: z.object({ epoch: z.int(), size, rootHash }).nullable(),
      ...adminMetadata,
    }),
  },
} as const satisfies EventTypes;

export type OwnEventDraft<Type extends keyof typeof ownEventTypes> = DraftOf<typeof ownEventTypes, Type>;
