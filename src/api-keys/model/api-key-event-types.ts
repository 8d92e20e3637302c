import { z } from 'zod';
import { roles } from '../../access/model/actor.ts';
import { adminMetadata } from '../../audit/model/attribution.ts';
import type { DraftOf } from '../../audit/model/audit-event.ts';
import type { EventTypes } from '../../audit/model/event-types.ts';

const metadata = z.object({
  apiKeyId: z.uuid(),
  name: z.string(),
  prefix: z.string(),
  roles: z.array(z.enum(roles)),
  expiresAt: z.iso.datetime().nullable(),
  ...adminMetadata,
});

/** The event types about API keys. */
export const apiKeyEventTypes = {
  'api_key.created': { description: 'An admin created an API key.', metadata },
  'api_key.revoked': { description: 'An admin revoked an API key.', metadata },
} as const satisfies EventTypes;

export type ApiKeyEventDraft<Type extends keyof typeof apiKeyEventTypes> = DraftOf<typeof apiKeyEventTypes, Type>;
