import type { Caller } from '../../access/model/actor.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { InTransaction } from '../../kernel/in-transaction.ts';
import type { ApiKey, RevokeApiKey } from '../model/api-key.ts';
import { ApiKeyNotFoundError } from '../model/api-key-errors.ts';
import { apiKeyRevoked } from '../model/api-key-events.ts';
import type { ApiKeyTransaction } from './api-key-store.ts';

type Deps = { inTransaction: InTransaction<ApiKeyTransaction>; clock: Clock };

/**
 * Revokes an API key for good. A key that is already revoked stays as it is, and no event is recorded. Throws an
 * ApiKeyNotFoundError.
 */
export const makeRevokeApiKey =
  ({ inTransaction, clock }: Deps) =>
  (admin: Caller, { id }: RevokeApiKey): Promise<ApiKey> =>
    inTransaction(async ({ apiKeys, audit }) => {
      const revoked = await apiKeys.revoke({ id, revokedAt: clock.now(), revokedBy: admin.userId });
      if (revoked) {
        audit.logEvent(apiKeyRevoked(admin, revoked));
        return revoked;
      }
      const before = await apiKeys.find(id);
      if (!before) throw new ApiKeyNotFoundError(id);
      return before;
    });
