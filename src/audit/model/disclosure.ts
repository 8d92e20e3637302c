import type { Json } from '../../kernel/json.ts';

// RFC 9901 (selective disclosure): an entry keeps digests, and each disclosure says what one of them is the digest of.

/**
 * Discloses a value: as a line of canonical JSON, `["<salt>","<name>",<value>]`, and the digest that the entry keeps of it. Throws a
 * TypeError if the value has no JSON form.
 */
export type Disclose = (name: string, value: Json) => { line: string; digest: string };

/** The field of an object that holds the digests of its disclosures, and the entry's field that names their hash function. */
export const digestsField = '_sd';
export const digestAlgorithm = { _sd_alg: 'sha-256' } as const;

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
