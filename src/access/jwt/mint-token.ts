import type { KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';

type Token = {
  secret: KeyObject;
  /** Null: the claim is left out. */
  issuer: string | null;
  audience: string | null;
  subject: string;
  email?: string | null;
  name?: string | null;
  groups: readonly string[];
  lifetimeMs: number;
  now: Date;
};

/**
 * Makes a token (JWT, HS256) that `makeAuthenticate` accepts with the same secret, issuer and audience. Instants are cut to
 * seconds.
 */
export const mintToken = ({
  secret,
  issuer,
  audience,
  subject,
  email,
  name,
  groups,
  lifetimeMs,
  now,
}: Token): Promise<string> => {
  const token = new SignJWT({ email: email ?? undefined, username: name ?? undefined, groups: [...groups] })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(subject)
    .setIssuedAt(now)
    .setExpirationTime(new Date(now.getTime() + lifetimeMs));
  if (issuer !== null) token.setIssuer(issuer);
  if (audience !== null) token.setAudience(audience);
  return token.sign(secret);
};
