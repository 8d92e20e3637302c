import { z } from 'zod';

/** Who sent an event of another application, and so vouches for it. */
export const recorderSchema = z.object({
  type: z.string(),
  id: z.string(),
  /** The userId of the person on whose behalf an API key acted. */
  onBehalfOf: z.string().nullable(),
});
export type Recorder = z.infer<typeof recorderSchema>;
