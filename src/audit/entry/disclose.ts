import { hash } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { Disclose } from '../model/disclosure.ts';

/** Makes a salt: 128 random bits, as 22 base64url characters. It keeps outsiders from finding a value by trying candidates. */
type NewSalt = () => string;

const saltBytes = 16;
const saltsDrawn = 256;

/** Salts from random bytes that are drawn many at a time: each draw costs far more than the bytes. */
export const makeNewSalt = ({ randomBytes }: { randomBytes: (count: number) => Buffer }): NewSalt => {
  let drawn = Buffer.alloc(0);
  let used = 0;
  return () => {
    if (used === drawn.length) {
      drawn = Buffer.from(randomBytes(saltBytes * saltsDrawn));
      used = 0;
    }
    used += saltBytes;
    return drawn.toString('base64url', used - saltBytes, used);
  };
};

/** RFC 9901, section 4.2.3: the digest of a disclosure is that of its base64url text. */
export const digestOf = (line: string): string => hash('sha256', Buffer.from(line).toString('base64url'), 'base64url');

/** Discloses values, each with a salt of its own. */
export const makeDisclose =
  ({ newSalt }: { newSalt: NewSalt }): Disclose =>
  (name, value) => {
    const line = canonicalize([newSalt(), name, value]);
    if (line === undefined) throw new TypeError(`${name} has no JSON form`);
    return { line, digest: digestOf(line) };
  };
