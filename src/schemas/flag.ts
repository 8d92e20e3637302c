import { z } from 'zod';
import { effectiveReasons } from '../flags/model/effective-state.ts';
import { flagStateShape } from '../flags/model/flag-state.ts';
import { flagStatuses } from '../flags/model/flag-status.ts';
import { flagTypes } from '../flags/model/flag-type.ts';

const instant = z.iso.datetime();

/** A flag's state in one environment, as the API returns it. Use `.pick` or `.partial()` for what a query asks for. */
export const flagStateSchema = z.object({
  /** A UUID that is derived from the flag and the environment. */
  id: z.uuid(),
  flagKey: z.string(),
  environment: z.string(),
  ...flagStateShape.shape,
  /** Whether the flag is in effect, given its status, and why. */
  effective: z.object({ enabled: z.boolean(), reason: z.enum(effectiveReasons) }),
  updatedAt: instant,
});
export type FlagState = z.infer<typeof flagStateSchema>;

/** The scalar fields of a flag, as the API returns them. */
export const flagSchema = z.object({
  /** UUIDv7. */
  id: z.uuid(),
  key: z.string(),
  name: z.string(),
  description: z.string().nullable(),
  type: z.enum(flagTypes),
  variants: z.array(z.object({ key: z.string(), value: z.json().nullable() })),
  status: z.enum(flagStatuses),
  version: z.int(),
  tags: z.array(z.string()),
  createdAt: instant,
  /** The admin's userId; null if unknown. */
  createdBy: z.string().nullable(),
  updatedAt: instant,
});
export type Flag = z.infer<typeof flagSchema>;
