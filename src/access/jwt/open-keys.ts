import type { KeyObject } from 'node:crypto';
import { randomBytes } from 'node:crypto';
import type { Clock } from '../../kernel/clock.ts';
import { openDevelopmentKey } from './development-key.ts';
import { jwksKeys } from './jwks-keys.ts';
import type { KeySource } from './key-source.ts';
import { publicKeyOf, secretKey, type VerificationKeys } from './verification-keys.ts';

/** The secret with which this service can sign tokens itself; null if all tokens come from an identity provider. */
export const openSigningKey = async (source: KeySource, { dataDir }: { dataDir: string }): Promise<KeyObject | null> => {
  if (source.kind === 'development') return openDevelopmentKey({ dataDir, randomBytes });
  return source.kind === 'secret' ? source.secret : null;
};

type Deps = { dataDir: string; clock: Clock; logger: { warn(details: object, message: string): void } };

/** The keys with which `makeAuthenticate` verifies tokens, according to the settings. */
export const openVerificationKeys = async (source: KeySource, { dataDir, clock, logger }: Deps): Promise<VerificationKeys> => {
  switch (source.kind) {
    case 'jwks':
      return jwksKeys({ url: source.url, clock, logger });
    case 'publicKey':
      return publicKeyOf(source);
    case 'secret':
      return secretKey(source.secret);
    case 'development':
      return secretKey(await openDevelopmentKey({ dataDir, randomBytes }));
  }
};
