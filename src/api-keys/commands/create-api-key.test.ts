import { expect, it } from 'vitest';
import { systemActor } from '../../access/model/actor.ts';
import { ValidationError } from '../../kernel/errors.ts';
import { sha256 } from '../authentication/sha256.ts';
import { makeCreateApiKey } from './create-api-key.ts';

it('a key that would have expired already is a rejection, like every failure of a use case, and nothing is begun', async () => {
  const now = new Date('2026-11-20T12:00:00Z');
  const createApiKey = makeCreateApiKey({
    inTransaction: () => expect.unreachable(),
    clock: { now: () => now },
    newId: () => 'key-1',
    randomBytes: (count) => new Uint8Array(count),
    sha256,
  });
  const nowhere = { ipAddress: null, userAgent: null, requestId: null, sessionId: null, apiKeyId: null };
  const identity = { actor: systemActor, userId: 'ada', roles: [], sessionId: null, expiresAt: null, apiKeyId: null };
  const created = createApiKey({ ...identity, requestContext: nowhere }, { name: 'late', expiresAt: now });
  await expect(created).rejects.toThrow(ValidationError);
});
