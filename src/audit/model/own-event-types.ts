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
      /** Events that are known by name: those that the outbox refused, and those that could not be written down. At most 20. */
      events: z.array(z.object({ id: z.string(), eventType: z.string() })).optional(),
      /** How many further events were lost; present if `events` is. */
      more: z.int().min(0).optional(),
      /** The application that declared the loss; absent if Flagtrail itself lost the events. */
      recordedBy: recorderSchema.optional(),
    }),
  },
  'person.erased': {
    description: "A person's data was erased from the log: what it disclosed of the events of that person.",
    metadata: z.object({
      /** The id of the person, which stays in the log. */
      actorId: z.string(),
      reason: z.string(),
      /** How many events of the person lost their personal data. */
      events: z.int(),
      /** How many keep it: older releases wrote it into the entry itself, which nobody can change. */
      notErasable: z.int(),
      ...adminMetadata,
    }),
  },
  'log.pruned': {
    description: 'Old entries were removed from the log. Their hashes stay, so that the rest can still be verified.',
    metadata: z.object({
      /** What was sealed before this instant was to go. */
      before: instant,
      /** The last position that was removed. */
      prunedTo: z.int(),
      /** How many entries were removed. */
      entries: z.int(),
      ...adminMetadata,
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
