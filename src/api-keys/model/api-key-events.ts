import type { Caller } from '../../access/model/actor.ts';
import { adminFields, attributedTo } from '../../audit/model/attribution.ts';
import { diffStates } from '../../audit/model/changes.ts';
import { type JsonObject, toJson } from '../../kernel/json.ts';
import type { ApiKey } from './api-key.ts';
import type { ApiKeyEventDraft } from './api-key-event-types.ts';

/**
 * Lists the fields one by one, so that a field added to a key later does not reach the log unnoticed. `lastUsedAt` is left out
 * because it changes without an event.
 */
const snapshot = ({ id, name, prefix, roles, createdAt, createdBy, expiresAt, revokedAt, revokedBy }: ApiKey): JsonObject =>
  toJson({ id, name, prefix, roles, createdAt, createdBy, expiresAt, revokedAt, revokedBy }) as JsonObject;

const metadataOf = (admin: Caller, { id, name, prefix, roles, expiresAt }: ApiKey) => ({
  apiKeyId: id,
  name,
  prefix,
  roles,
  expiresAt: expiresAt?.toISOString() ?? null,
  ...adminFields(admin),
});

const factsOf = (admin: Caller, key: ApiKey, previousState: JsonObject | null) => {
  const newState = snapshot(key);
  return {
    ...attributedTo(admin),
    resource: { type: 'api_key', id: key.id },
    previousState,
    newState,
    changes: diffStates(previousState, newState),
    metadata: metadataOf(admin, key),
  };
};

export const apiKeyCreated = (admin: Caller, key: ApiKey): ApiKeyEventDraft<'api_key.created'> => ({
  eventType: 'api_key.created',
  ...factsOf(admin, key, null),
  description: `API key '${key.name}' (${key.prefix}…) was created with the role${key.roles.length === 1 ? '' : 's'} ${key.roles.join(', ')}`,
});

export const apiKeyRevoked = (admin: Caller, key: ApiKey): ApiKeyEventDraft<'api_key.revoked'> => ({
  eventType: 'api_key.revoked',
  ...factsOf(admin, key, snapshot({ ...key, revokedAt: null, revokedBy: null })),
  description: `API key '${key.name}' (${key.prefix}…) was revoked`,
});
