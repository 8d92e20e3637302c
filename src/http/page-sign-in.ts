import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isLoopback } from '../kernel/loopback.ts';
import { isFromThisMachine, pathOf } from './request-context.ts';

type Deps = {
  /** Makes a token for the page. */
  mintToken: () => Promise<string>;
  randomBytes: (size: number) => Buffer;
};

export type PageSignIn = {
  /** What the address that signs a browser in has as its `code`. */
  code: string;
  /** A token for a browser that has the code or the cookie, and the cookie for one that has the code; null for any other. */
  accept: (request: IncomingMessage) => Promise<{ token: string; cookie: string | null } | null>;
};

/**
 * Signs browsers in to GraphiQL's page, as Jupyter does it: the address that the banner prints has a code, which is good for
 * any number of browsers while the process lives. A browser that comes with it gets a cookie, and from then on needs no code.
 * That a request comes from this machine proves nothing by itself: other users of it can ask, and so can whoever reaches a
 * proxy on it. All the same nobody else is signed in: the browser must be on this machine, with no proxy between, and ask for
 * a loopback host, which a name that resolves to this machine (DNS rebinding) is not.
 */
export const makePageSignIn = ({ mintToken, randomBytes }: Deps): PageSignIn => {
  const newSecret = () => randomBytes(24).toString('hex');
  const code = newSecret();
  const session = newSecret();
  const isLocal = (request: IncomingMessage) => isLoopback(hostOf(request)) && isFromThisMachine(request);
  return {
    code,
    accept: async (request) => {
      if (!isLocal(request)) return null;
      const hasCode = isSame(new URLSearchParams(request.url?.split('?')[1]).get('code'), code);
      if (!hasCode && !isSame(cookieOf(request), session)) return null;
      // Cookies do not tell ports apart, and another process may serve on another one.
      const cookie = `${cookieName(request)}=${session}; Path=${pathOf(request)}; HttpOnly; SameSite=Strict`;
      return { token: await mintToken(), cookie: hasCode ? cookie : null };
    },
  };
};

/** The host that the browser asked for, without its port; empty where it did not say. */
const hostOf = ({ headers: { host } }: IncomingMessage): string => {
  const address = `http://${host}/`;
  return host && URL.canParse(address) ? new URL(address).hostname : '';
};

const cookieName = ({ socket }: IncomingMessage) => `flagtrail-${socket.localPort}`;

const cookieOf = (request: IncomingMessage): string | null => {
  const name = `${cookieName(request)}=`;
  const cookies = request.headers.cookie?.split(';').map((cookie) => cookie.trim());
  return cookies?.find((cookie) => cookie.startsWith(name))?.slice(name.length) ?? null;
};

/** In constant time: hashes, because what is compared so must be equally long. */
const isSame = (given: string | null, secret: string): boolean => {
  const hash = (text: string) => createHash('sha256').update(text).digest();
  return given !== null && timingSafeEqual(hash(given), hash(secret));
};
