import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { readConfig } from '../config/config.ts';
import { makeReadRequestContext } from './request-context.ts';

const addressOf = (remoteAddress: string | undefined, forwardedFor?: string, proxies?: string) => {
  const socket = Object.defineProperty(new Socket(), 'remoteAddress', { value: remoteAddress });
  const headers = forwardedFor === undefined ? {} : { 'x-forwarded-for': forwardedFor };
  const { trustedProxies } = readConfig({ TRUSTED_PROXIES: proxies });
  return makeReadRequestContext(trustedProxies)(Object.assign(new IncomingMessage(socket), { headers })).ipAddress;
};
const proxies = '10.0.0.0/8, 192.0.2.7, 2001:db8::/32';

describe('the IP address of a request', () => {
  it.each([
    ['the connection’s, with no proxy trusted', '10.0.0.1', '203.0.113.1', undefined, '10.0.0.1'],
    ['the connection’s, from one that is not trusted', '192.0.2.8', '203.0.113.1', proxies, '192.0.2.8'],
    ['whom a trusted proxy heard', '10.0.0.1', '203.0.113.1', proxies, '203.0.113.1'],
    ['that, over a dual-stack socket', '::ffff:10.0.0.1', '203.0.113.1', proxies, '203.0.113.1'],
    ['that, over IPv6', '2001:db8::5', '2001:DB9:0::1', proxies, '2001:db9::1'],
    ['the last that no trusted proxy is', '10.0.0.1', '1.1.1.1, 203.0.113.1,192.0.2.7 , 10.9.9.9', proxies, '203.0.113.1'],
    ['not what a client made up', '10.0.0.1', '10.0.0.5, 203.0.113.1', proxies, '203.0.113.1'],
    ['the first of proxies alone', '10.0.0.1', '10.0.0.3, 10.0.0.2', proxies, '10.0.0.3'],
    ['the proxy’s, where it says nothing', '10.0.0.1', undefined, proxies, '10.0.0.1'],
    ['the proxy’s, where what it says is no address', '10.0.0.1', '203.0.113.1, unknown', proxies, '10.0.0.1'],
    ['whom a trusted proxy heard, past an empty entry and a tab', '10.0.0.1', '203.0.113.1,,\t10.9.9.9', proxies, '203.0.113.1'],
    ['the proxy’s, where what it says is a number', '10.0.0.1', '203.0.113.1, 3405803777', proxies, '10.0.0.1'],
    ['the last that no trusted proxy is, past one with a port', '10.0.0.1', '203.0.113.1, 10.9.9.9:80', proxies, '203.0.113.1'],
    ['the furthest, where every address is trusted', '10.0.0.1', '203.0.113.1, 10.0.0.2', '0.0.0.0/0', '203.0.113.1'],
    ['unknown, where the connection is gone', undefined, '203.0.113.1', proxies, null],
    ['without a port', '10.0.0.1', '203.0.113.1:4711', proxies, '203.0.113.1'],
    ['without brackets', '10.0.0.1', '[2001:db9::1]:4711', proxies, '2001:db9::1'],
    ['as IPv4 where it is mapped', '10.0.0.1', '::ffff:cb00:7101', proxies, '203.0.113.1'],
  ])('is %s', (_what, remote, forwarded, trusted, expected) => {
    expect(addressOf(remote, forwarded, trusted)).toBe(expected);
  });

  it.each(['10.0.0.0/33', '::/129', 'proxy.example', '10.0.0.1/', '10.0.0', 'fe80::1%eth0', ','])(
    'cannot come through %j: the setting refuses it',
    (text) => {
      expect(() => readConfig({ TRUSTED_PROXIES: text })).toThrow(/TRUSTED_PROXIES is .*allowed: IP addresses and CIDRs/);
    },
  );
});
