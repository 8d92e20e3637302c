import { text } from '../../kernel/text.ts';
import { expectedVersionSchema } from './flag.ts';

/** The input fields that name the state to change. */
export const stateTarget = {
  flagKey: text(1, 128),
  environment: text(1, 64).default('production'),
  expectedVersion: expectedVersionSchema,
};
export type StateTarget = { flagKey: string; environment: string; expectedVersion?: number | null };
