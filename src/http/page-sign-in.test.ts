import { randomBytes } from 'node:crypto';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { expect, it } from 'vitest';
import { makePageSignIn } from './page-sign-in.ts';

const from = (remoteAddress: string, { url = '/graphql', cookie = '' } = {}) => {
  const socket = Object.defineProperties(new Socket(), {
    remoteAddress: { value: remoteAddress },
    localPort: { value: 4000 },
  });
  return Object.assign(new IncomingMessage(socket), { url, headers: { host: '127.0.0.1:4000', cookie } });
};

it.each([
  ['127.0.0.1', true],
  ['::1', true],
  ['::ffff:127.0.0.1', true],
  ['192.0.2.1', false],
  ['::ffff:192.0.2.1', false],
  ['', false],
])('a browser at %j, which asks for a loopback host, can be signed in: %s', async (address, can) => {
  const signIn = makePageSignIn({ mintToken: async () => 'the-token', randomBytes });
  const url = `/graphql?code=${signIn.code}`;
  const expected = can ? { token: 'the-token', cookie: expect.stringContaining('HttpOnly') } : null;
  expect(await signIn.accept(from(address, { url }))).toEqual(expected);
  const cookie = (await signIn.accept(from('127.0.0.1', { url })))?.cookie?.split(';')[0];
  expect(await signIn.accept(from(address, { cookie }))).toEqual(can ? { token: 'the-token', cookie: null } : null);
});
