import { z } from 'zod';
import { type Role, roles } from '../../access/model/actor.ts';
import { ValidationError } from '../../kernel/errors.ts';
import { instant } from '../../kernel/instant.ts';
import { text } from '../../kernel/text.ts';

/** What a service authenticates with instead of a JWT, as it is listed. The key itself is shown once and kept nowhere. */
export type ApiKey = {
  id: string;
  name: string;
  /** The key's first 12 characters: what people recognise it by, and how it is found. */
  prefix: string;
  roles: Role[];
  createdAt: Date;
  /** The admin's userId; null where none is known. */
  createdBy: string | null;
  /** From then on it is refused; null: never. */
  expiresAt: Date | null;
  /** To the minute; null: never used. */
  lastUsedAt: Date | null;
  /** Null: not revoked. */
  revokedAt: Date | null;
  revokedBy: string | null;
};

const defaultRoles: Role[] = ['AUDIT_WRITER'];

export const createApiKeySchema = z.object({
  name: text(1, 255),
  roles: z.array(z.enum(roles)).min(1, 'must name at least one role').max(roles.length, 'must name each role once').nullish(),
  expiresAt: instant.nullish(),
});
export type CreateApiKey = z.infer<typeof createApiKeySchema>;

export const revokeApiKeySchema = z.object({ id: z.uuid('must be a UUID') });
export type RevokeApiKey = z.infer<typeof revokeApiKeySchema>;

export type Sha256 = (text: string) => Uint8Array;

const keyStart = 'ftk_';
const keyPattern = /^(ftk_[\w-]{8})_[\w-]{43}$/;
const secretBytes = 32;

/**
 * A key: `ftk_`, eight characters that name it, `_`, and the secret, 32 random bytes. The name follows from the secret's hash,
 * so what is shown of a key gives away nothing of the secret. Throws a RangeError for another number of bytes.
 */
export const formatApiKey = (randomBytes: Uint8Array, sha256: Sha256): string => {
  if (randomBytes.length !== secretBytes) {
    throw new RangeError(`a key is made of ${secretBytes} bytes, not of ${randomBytes.length}`);
  }
  const secret = toBase64Url(randomBytes);
  return `${keyStart}${toBase64Url(sha256(secret)).slice(0, 8)}_${secret}`;
};

/** Whether a bearer token means to be an API key. A JWT begins otherwise. */
export const isApiKey = (bearerToken: string): boolean => bearerToken.startsWith(keyStart);

/** The part of a key that is stored and shown; null for what has not the form of a key. */
export const prefixOf = (key: string): string | null => keyPattern.exec(key)?.[1] ?? null;

/** RFC 4648 section 5, without padding. */
const toBase64Url = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');

/** A key as it starts. Throws a ValidationError for an expiry that is not ahead. */
export const newApiKey = (
  { name, roles, expiresAt }: CreateApiKey,
  { id, prefix, createdBy, now }: { id: string; prefix: string; createdBy: string | null; now: Date },
): ApiKey => {
  if (expiresAt != null && expiresAt <= now) {
    const message = `is ${expiresAt.toISOString()}: it must be after now, ${now.toISOString()}`;
    throw new ValidationError([{ path: ['expiresAt'], message }]);
  }
  return {
    id,
    name,
    prefix,
    roles: [...new Set(roles ?? defaultRoles)],
    createdAt: now,
    createdBy,
    expiresAt: expiresAt ?? null,
    lastUsedAt: null,
    revokedAt: null,
    revokedBy: null,
  };
};
