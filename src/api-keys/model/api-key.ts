import { z } from 'zod';
import { type Role, roles } from '../../access/model/actor.ts';
import { ValidationError } from '../../kernel/errors.ts';
import { instant } from '../../kernel/instant.ts';
import { text } from '../../kernel/text.ts';

/** A service's credential, used instead of a JWT. The whole key is shown once and stored nowhere. */
export type ApiKey = {
  id: string;
  name: string;
  /** The first 12 characters of the key, by which people recognise it and the database finds it. */
  prefix: string;
  roles: Role[];
  createdAt: Date;
  /** The admin's userId; null if unknown. */
  createdBy: string | null;
  /** From then on the key is refused; null: it never expires. */
  expiresAt: Date | null;
  /** Precise to the minute; null: never used. */
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
 * A key: `ftk_`, eight characters that name it, `_`, and the secret of 32 random bytes. The name is derived from the secret's
 * hash, so the part that is shown reveals nothing of the secret. Throws a RangeError for any other number of bytes.
 */
export const formatApiKey = (randomBytes: Uint8Array, sha256: Sha256): string => {
  if (randomBytes.length !== secretBytes) {
    throw new RangeError(`an API key needs ${secretBytes} random bytes, but got ${randomBytes.length}`);
  }
  const secret = toBase64Url(randomBytes);
  return `${keyStart}${toBase64Url(sha256(secret)).slice(0, 8)}_${secret}`;
};

/** Whether a bearer token is meant as an API key. JWTs begin differently. */
export const isApiKey = (bearerToken: string): boolean => bearerToken.startsWith(keyStart);

/** The part of a key that is stored and shown; null if the text does not have the form of a key. */
export const prefixOf = (key: string): string | null => keyPattern.exec(key)?.[1] ?? null;

/** RFC 4648 section 5, without padding. */
const toBase64Url = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');

/** A new key. Throws a ValidationError if its expiry is not in the future. */
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
