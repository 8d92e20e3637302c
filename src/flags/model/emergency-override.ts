import { z } from 'zod';

/** An emergency override in force. Until it is lifted, no other change and no schedule can touch the state. */
export const emergencyOverrideShape = z.object({
  reason: z.string(),
  startedAt: z.iso.datetime(),
  /** The admin's userId; null if unknown. */
  startedBy: z.string().nullable(),
});
export type EmergencyOverride = z.infer<typeof emergencyOverrideShape>;
