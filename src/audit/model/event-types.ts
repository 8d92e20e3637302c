import { z } from 'zod';

/** An event type's wire name: what it concerns, and what happened, for example `flag_schedule.created`. */
export const eventTypeSchema = z
  .string()
  .regex(/^[a-z]+(_[a-z]+)*\.[a-z]+(_[a-z]+)*$/, 'must be a wire name, for example flag.created');

/** What a wing declares of one type of its events. */
type EventTypeDeclaration = {
  /** When it happens, in one sentence for people. */
  description: string;
  /** What it says beside the fields that every event has. The fields' types become the event reference. */
  metadata: z.ZodObject;
};

/** The event types of a wing, by wire name. The catalogue merges those of all wings. */
export type EventTypes = Readonly<Record<string, EventTypeDeclaration>>;

export type MetadataOf<Types extends EventTypes, Type extends keyof Types> = z.infer<Types[Type]['metadata']>;
