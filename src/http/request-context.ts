import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isIP, SocketAddress } from 'node:net';
import { all as allAddresses } from 'proxy-addr';
import type { RequestContext } from '../access/model/actor.ts';
import { OnBehalfOfError } from '../access/model/on-behalf-of.ts';
import { isLoopback } from '../kernel/loopback.ts';
import { toStorableText } from '../kernel/text.ts';

const maxHeaderLength = 512;
/** Request ids of callers are taken over where they look like ids. */
const requestIdPattern = /^[A-Za-z0-9._:/+=-]{1,128}$/;

const header = (request: IncomingMessage, name: string): string | null => {
  const value = request.headers[name];
  // Node reads header bytes as Latin-1; clients write UTF-8.
  return typeof value === 'string' ? toStorableText(Buffer.from(value, 'latin1').toString('utf8'), maxHeaderLength) : null;
};

/** Reads where a request came from. Its id is the caller's `X-Request-Id`, or a new one. */
export const makeReadRequestContext =
  (proxies: Proxies) =>
  (request: IncomingMessage): RequestContext => {
    const given = header(request, 'x-request-id');
    return {
      ipAddress: clientAddress(request, proxies),
      userAgent: header(request, 'user-agent'),
      requestId: given && requestIdPattern.test(given) ? given : randomUUID(),
      sessionId: null,
      apiKeyId: null,
    };
  };

/** A byte order mark is kept, and invalid bytes throw: what is put right may be another person's userId. */
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Whom the caller says that it speaks for (`X-On-Behalf-Of`, a userId in UTF-8); undefined where it names nobody. Throws an
 * OnBehalfOfError for several, which Node would join into one text, and for bytes that are no UTF-8.
 */
export const readOnBehalfOf = ({ headersDistinct }: IncomingMessage): string | undefined => {
  const given = headersDistinct['x-on-behalf-of'];
  if (given === undefined) return undefined;
  if (given.length > 1) throw new OnBehalfOfError('the header is given more than once: a request can speak for only one person');
  try {
    return strictUtf8.decode(Buffer.from(given[0] ?? '', 'latin1'));
  } catch {
    throw new OnBehalfOfError('the userId to act on behalf of is not in UTF-8');
  }
};

export type ReadRequestContext = ReturnType<typeof makeReadRequestContext>;

/** Proxies that are believed; null: none. */
type Proxies = { check(address: string, family: 'ipv4' | 'ipv6'): boolean } | null;

/**
 * The connection's address or, where that is a trusted proxy's, the last in X-Forwarded-For that is not one: each proxy
 * appends whom it heard, so what stands further left anybody may have made up. Where a proxy wrote no address, the proxy's own.
 */
const clientAddress = (request: IncomingMessage, proxies: Proxies): string | null => {
  const heard = allAddresses(request, (text) => isProxy(toAddress(text), proxies));
  return heard.map((text) => toAddress(text)).findLast((address) => address !== null) ?? null;
};

const isProxy = (address: string | null, proxies: Proxies): boolean =>
  Boolean(address && proxies?.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4'));

/** An address in its usual form, without the port or brackets that some proxies write; null for anything else. */
const toAddress = (text = ''): string | null => {
  const given = text.trim();
  const bare = /^\[([^\]]+)\](?::\d+)?$/.exec(given)?.[1] ?? /^([\d.]+):\d+$/.exec(given)?.[1] ?? given;
  const address = bare.replace(/%.*$/, '');
  if (isIP(address) === 0) return null;
  const usual = new SocketAddress({ address, family: isIP(address) === 6 ? 'ipv6' : 'ipv4' }).address;
  return usual.replace(/^::ffff:(?=[\d.]+$)/, '');
};

/** Whether the request came straight from this machine. A proxy here may have passed it on: then its headers say so. */
export const isFromThisMachine = ({ socket, headers }: IncomingMessage): boolean =>
  isLoopback(toAddress(socket.remoteAddress) ?? '') &&
  !Object.keys(headers).some((name) => /^(forwarded|via|x-forwarded-.*|x-real-ip)$/.test(name));

/** The path of a request's target, without its query. */
export const pathOf = ({ url = '/' }: IncomingMessage): string => url.split('?', 1)[0] ?? '/';
