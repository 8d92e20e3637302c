import type { KeyObject } from 'node:crypto';
import type { PublicKey } from './public-key.ts';

/** Where the keys that verify tokens come from. */
export type KeySource =
  /** This service's own key, kept in its data folder: development mode only. */
  | { kind: 'development' }
  | { kind: 'jwks'; url: URL }
  | ({ kind: 'publicKey' } & PublicKey)
  /** A key object: unlike a string it does not show where it is logged. */
  | { kind: 'secret'; secret: KeyObject };

/** Issuer and audience of tokens signed with the development key. */
export const developmentIssuer = 'flagtrail-development';

/** Which groups of a token's claims give which role. */
export type RoleGroups = { admin: readonly string[]; auditor: readonly string[]; auditWriter: readonly string[] };
