import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isLoopback } from '../kernel/loopback.ts';
import { isFromThisMachine, pathOf } from './request-context.ts';

type Deps = {
  /** Makes the token for a signed-in page. */
  mintToken: () => Promise<string>;
  randomBytes: (size: number) => Buffer;
};

export type PageSignIn = {
  /** The parameter `code` of the address that signs a browser in. */
  code: string;
  /**
   * A token for a browser that has the code or the cookie, and a cookie for one that has the code. Null for any other browser.
   */
  accept: (request: IncomingMessage) => Promise<{ token: string; cookie: string | null } | null>;
};

/**
 * Signs browsers in to GraphiQL's page in the way of Jupyter: the address in the start-up banner has a code, which works for any
 * number of browsers as long as the process runs. A browser that sends the code gets a cookie, and then no longer needs the code.
 * The code is needed because a request from this machine proves nothing: it can come from another user, or through a proxy.
 * In addition, the browser must be on this machine, without a proxy in between, and must ask for a loopback host. The last
 * condition stops DNS rebinding, where a foreign name resolves to this machine.
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
      // The name has the port, because cookies ignore ports and another process can serve on another port.
      const cookie = `${cookieName(request)}=${session}; Path=${pathOf(request)}; HttpOnly; SameSite=Strict`;
      return { token: await mintToken(), cookie: hasCode ? cookie : null };
    },
  };
};

/** The host that the browser asked for, without the port; empty if the request names none. */
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

/** Compares in constant time. It compares hashes, because both sides must have the same length. */
const isSame = (given: string | null, secret: string): boolean => {
  const hash = (text: string) => createHash('sha256').update(text).digest();
  return given !== null && timingSafeEqual(hash(given), hash(secret));
};

/** The note on GraphiQL's page in development mode until somebody signs in. */
export const unsignedNote = (canSignIn: boolean): string =>
  canSignIn
    ? 'This page is not signed in. The service printed the address that signs it in, <code>…/graphql?code=…</code>, on its stderr when it started. Open that address on the machine that runs the service, or put a token into Headers, below.'
    : 'This page is not signed in, because other machines may reach it. Put the token that the service printed on its stderr into Headers, below.';
