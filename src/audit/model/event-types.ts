import { z } from 'zod';

/** An event type's wire name: what it concerns and what happened, for example `flag_schedule.created`. */
export const eventTypeSchema = z
  .string()
  .regex(/^[a-z]+(_[a-z]+)*\.[a-z]+(_[a-z]+)*$/, 'must be a wire name, for example flag.created');

/** A wing's declaration of one event type. */
type EventTypeDeclaration = {
  /** When such an event happens, in one sentence for people. */
  description: string;
  /** The fields that events of this type add to those of every event. The event reference lists them with their types. */
  metadata: z.ZodObject;
};

/** The event types of a wing, by wire name. The catalogue merges those of all wings. */
export type EventTypes = Readonly<Record<string, EventTypeDeclaration>>;

export type MetadataOf<Types extends EventTypes, Type extends keyof Types> = z.infer<Types[Type]['metadata']>;
