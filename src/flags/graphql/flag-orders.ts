import type { FlagOrderField } from '../commands/flag-store.ts';

/** The field and the direction of each order of flags. */
export const flagOrders = {
  KEY_A_TO_Z: { by: 'key', falling: false },
  KEY_Z_TO_A: { by: 'key', falling: true },
  NAME_A_TO_Z: { by: 'name', falling: false },
  NAME_Z_TO_A: { by: 'name', falling: true },
  CREATED_NEWEST_FIRST: { by: 'createdAt', falling: true },
  CREATED_OLDEST_FIRST: { by: 'createdAt', falling: false },
  UPDATED_NEWEST_FIRST: { by: 'updatedAt', falling: true },
  UPDATED_OLDEST_FIRST: { by: 'updatedAt', falling: false },
  STATE_UPDATED_NEWEST_FIRST: { by: 'stateUpdatedAt', falling: true },
  STATE_UPDATED_OLDEST_FIRST: { by: 'stateUpdatedAt', falling: false },
} as const satisfies Record<string, { by: FlagOrderField; falling: boolean }>;
export type FlagOrderName = keyof typeof flagOrders;
