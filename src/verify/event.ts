import { hash } from 'node:crypto';
import { Tampered } from './outcome.ts';

// An entry is JSON. In the newer form it holds digests of what is large or personal (RFC 9901); the values are in disclosures.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** An entry with the disclosures put into their places. */
export type LogEvent = {
  position: number;
  /** The whole event is in the entry: it was written before there were disclosures. */
  isOldForm: boolean;
  fields: JsonObject;
  disclosed: number;
  /** How many values the entry has digests of, without a disclosure. */
  withheld: number;
};

type Disclosure = { name: string; value: Json; isPlaced: boolean };

/** The value's digest: SHA-256 of the disclosure as SD-JWTs carry it, base64url of its JSON. */
export const digestOf = (disclosure: string): string => hash('sha256', disclosure, 'base64url');

/** Reads an entry; `disclosures` is null if the source does not give them. Throws Tampered. */
export const readEvent = (position: number, entry: Buffer, disclosures: readonly string[] | null): LogEvent => {
  const fields = parse(position, entry.toString('utf8'), 'entry');
  if (!isObject(fields)) throw new Tampered('entry', position, `The entry at position ${position} is not a JSON object.`);
  if (fields._sd_alg === undefined) {
    if (disclosures?.length) throw notOfThisEntry(position);
    return { position, isOldForm: true, fields, disclosed: 0, withheld: 0 };
  }
  if (fields._sd_alg !== 'sha-256')
    throw new Tampered(
      'entry',
      position,
      `The entry at position ${position} names a hash that Flagtrail does not use: ${JSON.stringify(fields._sd_alg)}.`,
    );
  delete fields._sd_alg;
  const known = new Map((disclosures ?? []).map((one) => [digestOf(one), readDisclosure(position, one)]));
  if (known.size < (disclosures?.length ?? 0))
    throw new Tampered('disclosure', position, `The event at position ${position} has the same disclosure twice.`);
  let withheld = place(position, fields, known);
  for (const name of ['actor', 'requestContext', 'metadata']) {
    const inner = fields[name];
    // What stands in clear has digests; so has the metadata's value, which is disclosed itself.
    if (isObject(inner)) withheld += place(position, inner, known);
  }
  if ([...known.values()].some(({ isPlaced }) => !isPlaced)) throw notOfThisEntry(position);
  return { position, isOldForm: false, fields, disclosed: known.size, withheld };
};

/** Puts into an object what its digests stand for, and returns how many have no disclosure. */
const place = (position: number, object: JsonObject, known: ReadonlyMap<string, Disclosure>): number => {
  const digests = object._sd;
  delete object._sd;
  if (!Array.isArray(digests)) return 0;
  let withheld = 0;
  for (const digest of digests) {
    const disclosure = typeof digest === 'string' ? known.get(digest) : undefined;
    if (!disclosure) {
      withheld++;
      continue;
    }
    if (disclosure.isPlaced || Object.hasOwn(object, disclosure.name))
      throw new Tampered('disclosure', position, `The event at position ${position} discloses '${disclosure.name}' twice.`);
    disclosure.isPlaced = true;
    object[disclosure.name] = disclosure.value;
  }
  return withheld;
};

const readDisclosure = (position: number, disclosure: string): Disclosure => {
  const parts = parse(position, Buffer.from(disclosure, 'base64url').toString('utf8'), 'disclosure');
  const [salt, name, value] = Array.isArray(parts) && parts.length === 3 ? parts : [];
  if (typeof salt !== 'string' || typeof name !== 'string' || value === undefined || ['_sd', '...', '__proto__'].includes(name))
    throw new Tampered('disclosure', position, `A disclosure of the event at position ${position} is not [salt, name, value].`);
  return { name, value, isPlaced: false };
};

const parse = (position: number, text: string, what: 'entry' | 'disclosure'): Json => {
  try {
    return JSON.parse(text);
  } catch {
    const whose = what === 'entry' ? 'The entry at' : 'A disclosure of the event at';
    throw new Tampered(what, position, `${whose} position ${position} is not JSON.`);
  }
};

const notOfThisEntry = (position: number): Tampered =>
  new Tampered(
    'disclosure',
    position,
    `A disclosure of the event at position ${position} was changed, or belongs to another event: the entry has no digest of it.`,
  );
