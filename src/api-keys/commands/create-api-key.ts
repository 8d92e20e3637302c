import type { Caller } from '../../access/model/actor.ts';
import type { Clock, NewId } from '../../kernel/clock.ts';
import type { InTransaction } from '../../kernel/in-transaction.ts';
import { type ApiKey, type CreateApiKey, formatApiKey, newApiKey, prefixOf, type Sha256 } from '../model/api-key.ts';
import { apiKeyCreated } from '../model/api-key-events.ts';
import type { ApiKeyTransaction } from './api-key-store.ts';

type Deps = {
  inTransaction: InTransaction<ApiKeyTransaction>;
  clock: Clock;
  newId: NewId;
  /** Returns bytes of cryptographic quality. */
  randomBytes: (count: number) => Uint8Array;
  sha256: Sha256;
};

/** Creates an API key. `secret` is the whole key, which cannot be restored from what is stored. Throws a ValidationError. */
export const makeCreateApiKey =
  ({ inTransaction, clock, newId, randomBytes, sha256 }: Deps) =>
  async (admin: Caller, input: CreateApiKey): Promise<{ apiKey: ApiKey; secret: string }> => {
    const now = clock.now();
    const secret = formatApiKey(randomBytes(32), sha256);
    const prefix = prefixOf(secret);
    if (prefix === null) throw new Error('formatApiKey returned a malformed key');
    const apiKey = newApiKey(input, { id: newId(now), prefix, createdBy: admin.userId, now });
    return inTransaction(async ({ apiKeys, audit }) => {
      await apiKeys.add(apiKey, sha256(secret));
      audit.logEvent(apiKeyCreated(admin, apiKey));
      return { apiKey, secret };
    });
  };
