import type { KeyObject } from 'node:crypto';
import { randomBytes } from 'node:crypto';
import type { Clock } from '../../kernel/clock.ts';
import { openDevelopmentKey } from './development-key.ts';
import { jwksKeys } from './jwks-keys.ts';
import type { KeySource } from './key-source.ts';
import { publicKeyOf, secretKey, type VerificationKeys } from './verification-keys.ts';

/** The secret that this service itself can sign with; null where tokens come from an identity provider alone. */
export const openSigningKey = async (source: KeySource, { dataDir }: { dataDir: string }): Promise<KeyObject | null> => {
  if (source.kind === 'development') return openDevelopmentKey({ dataDir, randomBytes });
  return source.kind === 'secret' ? source.secret : null;
};

type Deps = { dataDir: string; clock: Clock; logger: { warn(details: object, message: string): void } };

/** What `makeAuthenticate` verifies tokens with, as the settings say. */
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
