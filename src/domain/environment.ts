import { z } from 'zod';
import { text } from './text.ts';

/** Where flags have a state of their own. A disabled one takes no new schedules, and applies none. */
export type Environment = { key: string; name: string; enabled: boolean };

export const maxEnvironments = 50;

export const createEnvironmentSchema = z.object({
  key: text(1, 64).regex(
    /^[A-Za-z0-9][A-Za-z0-9_-]*$/,
    'must start with a letter or digit and hold only letters, digits, _ and -',
  ),
  name: text(1, 255),
});
export type CreateEnvironment = z.infer<typeof createEnvironmentSchema>;

export const environmentKeySchema = z.object({ key: text(1, 64) });
