import type { KeyObject } from 'node:crypto';
import type { PublicKey } from './public-key.ts';

/** Where the keys that verify tokens come from. */
export type KeySource =
  /** This service's own key, kept in its data folder; in development mode only. */
  | { kind: 'development' }
  | { kind: 'jwks'; url: URL }
  | ({ kind: 'publicKey' } & PublicKey)
  /** A KeyObject, because unlike a string it does not reveal the secret when it is logged. */
  | { kind: 'secret'; secret: KeyObject };

/** Issuer and audience of tokens signed with the development key. */
export const developmentIssuer = 'flagtrail-development';

/** The groups in a token's claims that give each role. */
export type RoleGroups = { admin: readonly string[]; auditor: readonly string[]; auditWriter: readonly string[] };
