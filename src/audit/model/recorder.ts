import { z } from 'zod';

/** Who sent an event of another application: a service vouches for what it says of others. */
export const recorderSchema = z.object({
  type: z.string(),
  id: z.string(),
  /** The userId of the person for whom an API key spoke. */
  onBehalfOf: z.string().nullable(),
});
export type Recorder = z.infer<typeof recorderSchema>;
