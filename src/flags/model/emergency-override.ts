import { z } from 'zod';

/** Why a state is held as it is: until it is lifted, no normal change and no schedule touches it. */
export const emergencyOverrideShape = z.object({
  reason: z.string(),
  startedAt: z.iso.datetime(),
  /** The admin's userId; null where none is known. */
  startedBy: z.string().nullable(),
});
export type EmergencyOverride = z.infer<typeof emergencyOverrideShape>;
