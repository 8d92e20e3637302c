import { createHash } from 'node:crypto';
import type { Sha256 } from '../model/api-key.ts';

/** Slow hashes are for passwords, which can be guessed. A key has 256 random bits, and is hashed on every request. */
export const sha256: Sha256 = (text) => createHash('sha256').update(text).digest();
