import { createHash } from 'node:crypto';
import { errors, type JWTHeaderParameters, type JWTPayload, type JWTVerifyResult, jwtVerify } from 'jose';
import type { Clock } from '../../kernel/clock.ts';
import type { Identity } from '../model/actor.ts';
import { type Authenticate, AuthenticationError } from '../model/authenticator.ts';
import { identityOf } from './claims.ts';
import type { RoleGroups } from './key-source.ts';
import type { VerificationKeys } from './verification-keys.ts';

const clockToleranceSeconds = 2;
const maxTokenLength = 16 * 1024;
/**
 * How long a verified token is not verified again. A withdrawn key can live on for this long, in addition to the age of the key
 * set.
 */
const cachedForMs = 30_000;
const maxCached = 1_000;
const warningPauseMs = 60_000;

type Deps = {
  keys: VerificationKeys;
  /** The only issuer that is accepted; null: any. */
  issuer: string | null;
  /** What the token's audience must contain; null: anything. */
  audience: string | null;
  groups: RoleGroups;
  clock: Clock;
  logger: { warn(details: object, message: string): void };
};

/**
 * Verifies JWT bearer tokens: signature, issuer, audience and lifetime (with 2 s of tolerance). Tokens of an identity provider
 * must expire; those signed with a shared secret need not. Throws an AuthenticationError for a token that is not accepted, and an
 * AuthenticationUnavailableError if the keys cannot be fetched.
 */
export const makeAuthenticate = ({ keys, issuer, audience, groups, clock, logger }: Deps): Authenticate => {
  const warnOfMissingSubject = makeMissingSubjectWarning({ clock, logger });
  const remembered = makeIdentityCache(clock);
  const verify = async (token: string): Promise<JWTVerifyResult> => {
    const options = {
      algorithms: [...keys.algorithms],
      issuer: issuer ?? undefined,
      audience: audience ?? undefined,
      requiredClaims: keys.expiryRequired ? ['exp'] : [],
      clockTolerance: clockToleranceSeconds,
      currentDate: clock.now(),
    };
    try {
      return await jwtVerify(token, keys.key, options);
    } catch (error) {
      if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
      // The token names no key and several would fit, so each of them is tried.
      for await (const key of error) {
        try {
          return await jwtVerify(token, key, options);
        } catch (mismatch) {
          if (!(mismatch instanceof errors.JWSSignatureVerificationFailed)) throw mismatch;
        }
      }
      throw new errors.JWSSignatureVerificationFailed();
    }
  };

  return async (bearerToken) => {
    if (bearerToken.length > maxTokenLength) {
      throw new AuthenticationError(`the token is longer than ${maxTokenLength} characters`);
    }
    const digest = createHash('sha256').update(bearerToken).digest('base64');
    const known = remembered.get(digest);
    if (known) return known;
    const { payload: claims, protectedHeader } = await verify(bearerToken).catch((error) => {
      throw refusalOf(error);
    });
    refuseOtherTypes(protectedHeader);
    const identity = identityOf(claims, groups);
    if (identity.userId === null) warnOfMissingSubject(claims);
    remembered.add(digest, identity);
    return identity;
  };
};

/**
 * Remembers the identities of tokens that were just verified, by the token's SHA-256. Verifying a signature takes some 200 µs,
 * more than the rest of a small query; the hash takes 3 µs. Only accepted tokens are remembered, and never beyond their expiry.
 */
const makeIdentityCache = (clock: Clock) => {
  const entries = new Map<string, { identity: Identity; untilMs: number }>();
  return {
    get: (digest: string): Identity | null => {
      const entry = entries.get(digest);
      if (!entry) return null;
      if (clock.now().getTime() < entry.untilMs) return entry.identity;
      entries.delete(digest);
      return null;
    },
    add: (digest: string, identity: Identity): void => {
      const expiresAtMs = identity.expiresAt?.getTime() ?? Number.POSITIVE_INFINITY;
      const untilMs = Math.min(clock.now().getTime() + cachedForMs, expiresAtMs);
      if (entries.size >= maxCached) entries.delete(entries.keys().next().value ?? '');
      entries.set(digest, { identity, untilMs });
    },
  };
};

/** Warns of tokens without a subject: at most one line a minute, with how many tokens it stands for. */
const makeMissingSubjectWarning = ({ clock, logger }: Pick<Deps, 'clock' | 'logger'>) => {
  let warnedAtMs = Number.NEGATIVE_INFINITY;
  let tokens = 0;
  return ({ iss, client_id }: JWTPayload): void => {
    tokens += 1;
    const nowMs = clock.now().getTime();
    if (nowMs - warnedAtMs < warningPauseMs) return;
    logger.warn(
      { issuer: iss, clientId: client_id, tokens },
      'a token without "sub" was accepted: what it does is attributed to the actor "unknown"',
    );
    warnedAtMs = nowMs;
    tokens = 0;
  };
};

/**
 * An issuer signs other kinds of tokens with the same keys: logout tokens, DPoP proofs, security events. Their `typ` says so (RFC
 * 8725 section 3.11). The `typ` of access tokens is at+jwt (RFC 9068) or JWT (Auth0, Entra, Keycloak), or absent (Cognito, Okta).
 * It is a media type, so its case does not matter, nor does a prefix of `application/`.
 */
const refuseOtherTypes = ({ typ }: JWTHeaderParameters): void => {
  if (typ === undefined) return;
  if (typeof typ === 'string' && /^(application\/)?(at\+)?jwt$/i.test(typ)) return;
  throw new AuthenticationError('the token is not an access token: its "typ" must be JWT or at+jwt, or absent');
};

/** The error for the token's sender. An error that is not the token's fault is returned unchanged. */
const refusalOf = (error: unknown): unknown => {
  if (error instanceof errors.JWTExpired) return new AuthenticationError('the token has expired', { expired: true });
  if (error instanceof errors.JWTClaimValidationFailed) return new AuthenticationError(claimRefusal(error));
  if (error instanceof errors.JOSEAlgNotAllowed) return new AuthenticationError("the token's algorithm is not accepted");
  if (error instanceof errors.JWKSNoMatchingKey) return new AuthenticationError('the token is signed with an unknown key');
  if (error instanceof errors.JWSSignatureVerificationFailed) {
    return new AuthenticationError("the token's signature does not match");
  }
  if (error instanceof errors.JWSInvalid || error instanceof errors.JWTInvalid || error instanceof errors.JOSENotSupported) {
    return new AuthenticationError('the token is not a well-formed JWT');
  }
  return error;
};

const claimRefusal = ({ claim, reason }: errors.JWTClaimValidationFailed): string => {
  if (reason === 'missing') return `the token has no "${claim}"`;
  if (reason === 'invalid') return `the token's "${claim}" is malformed`;
  if (claim === 'iss') return 'the token comes from another issuer';
  if (claim === 'aud') return 'the token is meant for another audience';
  if (claim === 'nbf') return 'the token is not valid yet';
  return `the token's "${claim}" is not accepted`;
};
