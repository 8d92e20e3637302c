import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isIP, SocketAddress } from 'node:net';
import { all as allAddresses } from 'proxy-addr';
import type { RequestContext } from '../access/model/actor.ts';
import { OnBehalfOfError } from '../access/model/on-behalf-of.ts';
import { isLoopback } from '../kernel/loopback.ts';
import { toStorableText } from '../kernel/text.ts';

const maxHeaderLength = 512;
/** Request ids of clients are accepted only if they match this. */
const requestIdPattern = /^[A-Za-z0-9._:/+=-]{1,128}$/;

const header = (request: IncomingMessage, name: string): string | null => {
  const value = request.headers[name];
  // Node decodes headers as Latin-1, but clients send UTF-8.
  return typeof value === 'string' ? toStorableText(Buffer.from(value, 'latin1').toString('utf8'), maxHeaderLength) : null;
};

/** Reads where a request comes from. Its id is the client's `X-Request-Id`, or a new one. */
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

/** It keeps a byte order mark, and throws for invalid bytes: a corrected userId could be that of another person. */
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The person for whom the caller speaks (`X-On-Behalf-Of`, a userId in UTF-8); undefined if the header is absent. Throws an
 * OnBehalfOfError if the header is repeated, because Node would join the values, and if its bytes are not UTF-8.
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

/** The trusted proxies; null if there are none. */
type Proxies = { check(address: string, family: 'ipv4' | 'ipv6'): boolean } | null;

/**
 * The client's address. It is that of the connection or, if that belongs to a trusted proxy, the last address in X-Forwarded-For
 * that does not. Each proxy appends the address that it saw, so anybody could have made up what is further left. If a proxy wrote
 * no valid address, it is the proxy's own.
 */
const clientAddress = (request: IncomingMessage, proxies: Proxies): string | null => {
  const heard = allAddresses(request, (text) => isProxy(toAddress(text), proxies));
  return heard.map((text) => toAddress(text)).findLast((address) => address !== null) ?? null;
};

const isProxy = (address: string | null, proxies: Proxies): boolean =>
  Boolean(address && proxies?.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4'));

/** An address in its usual form, without the port or the brackets that some proxies write. Null if it is not an address. */
const toAddress = (text = ''): string | null => {
  const given = text.trim();
  const bare = /^\[([^\]]+)\](?::\d+)?$/.exec(given)?.[1] ?? /^([\d.]+):\d+$/.exec(given)?.[1] ?? given;
  const address = bare.replace(/%.*$/, '');
  if (isIP(address) === 0) return null;
  const usual = new SocketAddress({ address, family: isIP(address) === 6 ? 'ipv6' : 'ipv4' }).address;
  return usual.replace(/^::ffff:(?=[\d.]+$)/, '');
};

/** Whether the request came directly from this machine. If a local proxy forwarded it, its headers say so. */
export const isFromThisMachine = ({ socket, headers }: IncomingMessage): boolean =>
  isLoopback(toAddress(socket.remoteAddress) ?? '') &&
  !Object.keys(headers).some((name) => /^(forwarded|via|x-forwarded-.*|x-real-ip)$/.test(name));

/** The path of a request, without the query string. */
export const pathOf = ({ url = '/' }: IncomingMessage): string => url.split('?', 1)[0] ?? '/';
