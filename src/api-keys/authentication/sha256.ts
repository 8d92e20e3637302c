import { createHash } from 'node:crypto';
import type { Sha256 } from '../model/api-key.ts';

/** A slow hash is for passwords, which can be guessed: a key has 256 random bits, and is hashed for every request. */
export const sha256: Sha256 = (text) => createHash('sha256').update(text).digest();
