import { z } from 'zod';
import { adminMetadata } from '../../audit/model/attribution.ts';
import type { DraftOf } from '../../audit/model/audit-event.ts';
import type { EventTypes } from '../../audit/model/event-types.ts';

const metadata = z.object({ environment: z.string(), name: z.string(), ...adminMetadata });
/** How many open schedules will fail because of it; absent if none will. */
const openSchedules = z.int().optional();

/** The event types about environments. */
export const environmentEventTypes = {
  'environment.created': { description: 'An admin created an environment.', metadata },
  'environment.updated': { description: 'An admin renamed an environment.', metadata },
  'environment.deleted': { description: 'An admin deleted an empty environment.', metadata },
  'environment.enabled': { description: 'An admin enabled an environment.', metadata },
  'environment.disabled': {
    description: 'An admin disabled an environment: no schedules are created or applied in it.',
    metadata: metadata.extend({ openSchedules }),
  },
} as const satisfies EventTypes;

export type EnvironmentEventDraft<Type extends keyof typeof environmentEventTypes> = DraftOf<typeof environmentEventTypes, Type>;
