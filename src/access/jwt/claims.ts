import type { JWTPayload } from 'jose';
import { toStorableText } from '../../kernel/text.ts';
import type { Identity, Role } from '../model/actor.ts';
import { AuthenticationError } from '../model/authenticator.ts';
import type { RoleGroups } from './key-source.ts';

/** `created_by` and `cancelled_by` hold at most this many characters (code points), as PostgreSQL counts them. */
const maxSubjectLength = 255;
const nameClaims = ['username', 'cognito:username', 'preferred_username', 'name'];
const groupClaims = ['groups', 'cognito:groups', 'roles'];
/** ECMAScript's last instant; a later expiry would be an invalid date. */
const lastInstantMs = 8.64e15;

/** The identity that a verified token speaks for. Throws an AuthenticationError if its subject cannot be stored. */
export const identityOf = (claims: JWTPayload, roleGroups: RoleGroups): Identity => {
  const userId = subjectOf(claims);
  return {
    actor: {
      type: userId !== null && isServiceAccount(claims) ? 'SERVICE_ACCOUNT' : 'USER',
      id: userId ?? 'unknown',
      name: nameClaims.map((claim) => textOf(claims[claim], 255)).find((name) => name !== null) ?? null,
      email: textOf(claims.email, 320),
    },
    userId,
    roles: rolesOf(groupsOf(claims), roleGroups),
    sessionId: textOf(claims.sid, 255),
    expiresAt: claims.exp === undefined ? null : new Date(Math.min(claims.exp * 1000, lastInstantMs)),
    apiKeyId: null,
  };
};

// Okta uses `cid`, and version 1 of Entra's tokens `appid`.
const clientClaims = ['client_id', 'azp', 'appid', 'cid'];
const humanClaims = [...nameClaims, 'email', 'upn', 'unique_name'];

/**
 * Whether a client asked for the token in its own name (the client credentials grant): the token names a client, and no claim
 * belongs to a person. Tokens of people name the client, too, and some hardly say more of the person than that there is one.
 */
const isServiceAccount = (claims: JWTPayload): boolean => {
  const client = clientClaims.map((claim) => textOf(claims[claim], 255)).find((id) => id !== null);
  if (client === undefined) return false;
  // Keycloak gives each client that can act for itself a user of this name, in lower case.
  if (claims.preferred_username === `service-account-${client.toLowerCase()}`) return true;
  if (humanClaims.some((claim) => textOf(claims[claim], 1) !== null)) return false;
  // In this order: RFC 9068 section 2.2, Cognito and Okta; Auth0; Entra.
  if (claims.sub === client || claims.sub === `${client}@clients`) return true;
  if (claims.gty === 'client-credentials' || claims.idtyp === 'app') return true;
  return !belongsToPerson(claims);
};

/**
 * Claims that only a person's token has, even if it does not name the person: a session (`sid`), OpenID's scope, Entra's
 * delegated scopes (`scp`), a subject that is an address or, in Auth0, an account of a connection (`auth0|5a62…`).
 */
const belongsToPerson = ({ sub, sid, scope, scp }: JWTPayload): boolean =>
  sid !== undefined ||
  scp !== undefined ||
  /[@|]/.test(sub ?? '') ||
  (typeof scope === 'string' && scope.split(' ').includes('openid'));

const subjectOf = ({ sub }: JWTPayload): string | null => {
  const subject: unknown = sub;
  if (subject === undefined || subject === null || subject === '') return null;
  if (typeof subject !== 'string') throw new AuthenticationError('the token\'s "sub" is not text');
  if ([...subject].length > maxSubjectLength) {
    throw new AuthenticationError(`the token's "sub" has more than ${maxSubjectLength} characters`);
  }
  return toStorableText(subject, subject.length);
};

const textOf = (claim: unknown, maxLength: number): string | null =>
  typeof claim === 'string' && claim !== '' ? toStorableText(claim, maxLength) : null;

/** An array holds one group per element; text holds several, separated by spaces or commas. */
const groupsOf = (claims: JWTPayload): Set<string> =>
  new Set(
    groupClaims
      .flatMap((name) => {
        const claim = claims[name];
        return typeof claim === 'string' ? claim.split(/[\s,]+/) : Array.isArray(claim) ? claim : [];
      })
      .filter((group) => typeof group === 'string' && group !== ''),
  );

const rolesOf = (groups: ReadonlySet<string>, { admin, auditor, auditWriter }: RoleGroups): Role[] => {
  const byRole: [Role, readonly string[]][] = [
    ['ADMIN', admin],
    ['AUDITOR', auditor],
    ['AUDIT_WRITER', auditWriter],
  ];
  return byRole.filter(([, members]) => members.some((group) => groups.has(group))).map(([role]) => role);
};
