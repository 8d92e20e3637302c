import { createSecretKey } from 'node:crypto';
import { BlockList, isIP } from 'node:net';
import { validate as isCronExpression } from 'node-cron';
import { z } from 'zod';
import { parsePublicKey } from '../access/jwt/public-key.ts';
import { isLoopback } from '../kernel/loopback.ts';
import { parseSigningKeySource } from '../transparency/signing/signing-key.ts';

/** How the text of an environment variable is validated and converted. The table of settings has the messages. */

export const integer = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/)
    .transform(Number)
    .refine((value) => value >= min && value <= max);

export const onOff = z.enum(['true', 'false']).transform((value) => value === 'true');

/** A list with at least one item. */
export const commaList = z
  .string()
  .transform((list) =>
    list
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== ''),
  )
  .refine((items) => items.length > 0);

export const hostName = z
  .string()
  .refine((text) => isIP(text) !== 0 || /^(?=.{1,253}$)[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?$/.test(text));

const network = z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()]);

/** A list of addresses and CIDRs. It becomes a set that can check addresses. */
export const networks = commaList.pipe(z.array(network)).transform((items) => {
  const list = new BlockList();
  for (const item of items) {
    const [address = '', prefix] = item.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return list;
});

export const cronExpression = z.string().refine(isCronExpression);

const url = (fits: (url: URL) => boolean) => z.string().refine((text) => URL.canParse(text) && fits(new URL(text)));

export const postgresUrl = url(({ protocol }) => /^postgres(ql)?:$/.test(protocol));

/** Over plain http, an attacker in the network could replace the keys. */
export const jwksUrl = url(
  ({ protocol, hostname, username, password }) =>
    (protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname))) && !username && !password,
);

/** An origin as browsers send it: in lower case, without a default port, without a slash at the end. */
const toOrigin = (text: string): string | null => {
  const isOrigin = /^https?:\/\/[^/?#@]+\/?$/i.test(text) && URL.canParse(text);
  return isOrigin ? new URL(text).origin : null;
};
export const origins = commaList.transform((items) => items.map(toOrigin)).pipe(z.array(z.string()));

/** The message of an issue says what is wrong with the key, but never quotes it. */
const key = <Key>(parse: (text: string) => Key) =>
  z.string().transform((text, context) => {
    try {
      return parse(text);
    } catch (error) {
      context.addIssue(error instanceof Error ? error.message : 'it cannot be read');
      return z.NEVER;
    }
  });

export const publicKey = key(parsePublicKey);

/** A key becomes a key object, so that logs cannot show it. */
export const signingKey = key(parseSigningKeySource);

/** It becomes a key object, so that logs cannot show it. */
export const secret = z
  .string()
  .refine((text) => Buffer.byteLength(text) >= 32)
  .transform((text) => createSecretKey(Buffer.from(text)));
