import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { runInNewContext } from 'node:vm';
import { parse, validate } from 'graphql';
import { describe, expect, it } from 'vitest';
import { schema } from '../graphql/schema.ts';
import { makeGraphiQLPage, renderGraphiQLPage } from './graphiql.ts';
import { exampleTabs } from './graphiql-examples.ts';

const mintToken = async () => 'the-token';
const askedAt = (host: string) => new Request('http://127.0.0.1:4000/graphql', { headers: { host: `${host}:4000` } });
const from = (remoteAddress: string, headers: Record<string, string> = {}) => {
  const socket = Object.defineProperty(new Socket(), 'remoteAddress', { value: remoteAddress });
  return { req: Object.assign(new IncomingMessage(socket), { headers }) };
};

describe("GraphiQL's page", () => {
  it.each(['localhost', '127.0.0.1', '[::1]'])('is signed in at %s, its websocket too', async (host) => {
    const options = await makeGraphiQLPage({ mintToken })(askedAt(host), from('::ffff:127.0.0.1'));
    const authorization = 'Bearer the-token';
    expect(options).toMatchObject({ subscriptionsProtocol: 'WS', connectionParams: { authorization } });
    expect(JSON.parse(options.defaultHeaders ?? '')).toEqual({ authorization });
    for (const { headers } of options.defaultTabs ?? []) expect(JSON.parse(headers ?? '')).toEqual({ authorization });
    expect(options.shouldPersistHeaders).toBe(false);
  });

  it.each([
    ['asked for by a foreign name', mintToken, 'attacker.example'],
    ['of a service with real authentication', null, '127.0.0.1'],
  ])('%s has no token, and follows subscriptions with the headers that people write', async (_case, mint, host) => {
    const options = await makeGraphiQLPage({ mintToken: mint })(askedAt(host), from('::ffff:127.0.0.1'));
    expect(JSON.stringify(options)).not.toContain('the-token');
    expect(options).toMatchObject({ subscriptionsProtocol: 'SSE', headers: expect.stringContaining('"Bearer "') });
    expect(options).not.toHaveProperty('connectionParams');
  });

  it.each<[string, string, Record<string, string>]>([
    ['from another machine', '192.0.2.1', {}],
    ['from nowhere', '', {}],
    ['through a proxy on this machine', '127.0.0.1', { 'x-forwarded-for': '192.0.2.1' }],
    ['through one that says only the protocol', '::1', { 'x-forwarded-proto': 'https' }],
    ['through one that keeps to RFC 7239', '127.0.0.1', { forwarded: 'for=192.0.2.1' }],
    ['through one that says only that it is there', '127.0.0.1', { via: '1.1 proxy' }],
  ])('has no token for a request %s, though it names a loopback host', async (_case, address, headers) => {
    const options = await makeGraphiQLPage({ mintToken })(askedAt('127.0.0.1'), from(address, headers));
    expect(JSON.stringify(options)).not.toContain('the-token');
  });

  it('has examples that the schema knows, and that a small screen shows whole', () => {
    for (const { query } of exampleTabs) {
      expect(validate(schema, parse(query))).toEqual([]);
      for (const line of query.split('\n')) expect(line.length).toBeLessThanOrEqual(50);
    }
  });
});

describe("the shorthand of the page's variables", () => {
  const now = new Date('2026-01-01T00:00:00Z');
  /** The page's script, in a world of its own where `fetch` keeps what is sent and gives back the next answer. */
  const openPage = (answers: object[] = []) => {
    const sent: unknown[] = [];
    const fetch = async (_url: string, { body }: { body: string }) => {
      sent.push(JSON.parse(body));
      return Response.json(answers.shift() ?? {});
    };
    const script = /<script>(\(function installShorthand[\s\S]*?)<\/script>/.exec(renderGraphiQLPage({}))?.[1] ?? '';
    const page: { fetch: typeof fetch } = runInNewContext(`${script}; globalThis`, { fetch, Date: FixedDate });
    const send = (request: object) => page.fetch('/graphql', { body: JSON.stringify(request) });
    return { send, sent };
  };
  class FixedDate extends Date {
    static override now() {
      return now.getTime();
    }
  }

  it('makes an instant of "in 10 seconds" when the request is sent, and leaves all else as it is', async () => {
    const { send, sent } = openPage();
    const others = { query: '{ a(b: "in 10 seconds") }', operationName: 'A' };
    const same = ['in 10 second', 'In 10 seconds', 'within 10 seconds', 10, null, true];
    await send({ ...others, variables: { at: 'in 10 seconds', deep: [{ at: 'in 3600 seconds' }], same } });
    const variables = { at: '2026-01-01T00:00:10.000Z', deep: [{ at: '2026-01-01T01:00:00.000Z' }], same };
    expect(sent).toEqual([{ ...others, variables }]);
  });

  it('replaces "the latest schedule" by the id that createSchedule returned last', async () => {
    const created = (id: string) => ({ data: { createSchedule: { id } } });
    const { send, sent } = openPage([{}, created('1'), created('2'), { data: { createSchedule: { code: 'VALIDATION' } } }]);
    const variables = { id: 'the latest schedule' };
    await send({ variables });
    for (const query of ['first', 'second', 'refused']) await send({ query });
    await send({ variables });
    expect(sent.at(0)).toEqual({ variables });
    expect(sent.at(-1)).toEqual({ variables: { id: '2' } });
  });

  it('gives the page the whole answer', async () => {
    const { send } = openPage([{ data: { viewer: null } }]);
    expect(await (await send({})).json()).toEqual({ data: { viewer: null } });
  });
});
