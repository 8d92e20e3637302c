import { runInNewContext } from 'node:vm';
import { parse, validate } from 'graphql';
import { describe, expect, it } from 'vitest';
import { schema } from '../compose/schema.ts';
import { pageOptions } from './graphiql.ts';
import { exampleTabs } from './graphiql-examples.ts';
import { makeGraphiQLFiles } from './graphiql-files.ts';
import { installShorthand } from './graphiql-shorthand.ts';

describe("GraphiQL's page", () => {
  it('is signed in with a token, its websocket too', () => {
    const options = pageOptions('the-token');
    const authorization = 'Bearer the-token';
    expect(options).toMatchObject({ subscriptionsProtocol: 'WS', connectionParams: { authorization } });
    expect(JSON.parse(options.defaultHeaders ?? '')).toEqual({ authorization });
    for (const { headers } of options.defaultTabs ?? []) expect(JSON.parse(headers ?? '')).toEqual({ authorization });
    expect(options.shouldPersistHeaders).toBe(false);
  });

  it('without a token follows subscriptions with the headers that people write', () => {
    const options = pageOptions(null);
    expect(options).toMatchObject({ subscriptionsProtocol: 'SSE', headers: expect.stringContaining('"Bearer "') });
    expect(options).not.toHaveProperty('connectionParams');
  });

  it('has examples that the schema knows, and that a small screen shows whole', () => {
    for (const { query } of exampleTabs) {
      expect(validate(schema, parse(query))).toEqual([]);
      for (const line of query.split('\n')) expect(line.length).toBeLessThanOrEqual(50);
    }
  });
});

describe("the shorthand of the page's variables", () => {
  const beginning = `(${installShorthand})();`;
  const now = new Date('2026-01-01T00:00:00Z');
  /** The page's script, in a world of its own where `fetch` keeps what is sent and gives back the next answer. */
  const openPage = (answers: object[] = []) => {
    const sent: unknown[] = [];
    const fetch = async (_url: string, { body }: { body: string }) => {
      sent.push(JSON.parse(body));
      return Response.json(answers.shift() ?? {});
    };
    const page: { fetch: typeof fetch } = runInNewContext(`${beginning} globalThis`, { fetch, Date: FixedDate });
    const send = (request: object) => page.fetch('/graphql', { body: JSON.stringify(request) });
    return { send, sent };
  };
  class FixedDate extends Date {
    static override now() {
      return now.getTime();
    }
  }

  it('is installed before anything else in the page can send', async () => {
    const { files, render } = await makeGraphiQLFiles();
    const [, name = ''] = /<script src="graphql\/([^"]+)">/.exec(render({}, null)) ?? [];
    expect(files.get(name)?.plain.toString().startsWith(beginning)).toBe(true);
  });

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
