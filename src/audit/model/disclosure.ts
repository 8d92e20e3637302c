import { hash } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { Json } from '../../kernel/json.ts';

// RFC 9901 (selective disclosure): an entry keeps digests, and each disclosure says what one of them is the digest of.

/** Makes a salt: 128 random bits, as 22 base64url characters. It keeps outsiders from finding a value by trying candidates. */
export type NewSalt = () => string;

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

/** The field of an object that holds the digests of its disclosures, and the entry's field that names their hash function. */
export const digestsField = '_sd';
export const digestAlgorithm = { _sd_alg: 'sha-256' } as const;

/** One disclosure as a line of canonical JSON: `["<salt>","<name>",<value>]`. Throws a TypeError if the value has no JSON form. */
export const formDisclosure = (salt: string, name: string, value: Json): string => {
  const line = canonicalize([salt, name, value]);
  if (line === undefined) throw new TypeError(`${name} has no JSON form`);
  return line;
};

/** RFC 9901, section 4.2.3: the digest of a disclosure is that of its base64url text. */
export const digestOf = (line: string): string => hash('sha256', Buffer.from(line).toString('base64url'), 'base64url');

/** What the lines disclose, by name. */
export const readDisclosures = (lines: string): Map<string, Json> =>
  new Map(
    lines === ''
      ? []
      : lines.split('\n').map((line) => {
          const [, name, value] = JSON.parse(line) as [salt: string, name: string, value: Json];
          return [name, value];
        }),
  );
