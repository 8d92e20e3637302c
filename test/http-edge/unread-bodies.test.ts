import { beforeAll, describe, expect, it } from 'vitest';
import { createPostgresDatabase } from '../support/databases.ts';
import { json, request, sendOnAndOn } from '../support/raw-http.ts';
import { startTestService, type TestService, token } from '../support/service.ts';

const MiB = 1024 * 1024;

describe('the body of a request that is refused before it is there', () => {
  let service: TestService;
  beforeAll(async () => {
    service = await startTestService({ databaseUrl: (await createPostgresDatabase()).url, env: { ROLES: 'api' } });
  });
  const post = (headers: readonly string[], path = '/graphql') =>
    [`POST ${path} HTTP/1.1`, 'Host: 127.0.0.1', 'Content-Type: application/json', ...headers, '', ''].join('\r\n');
  const endless = 'Content-Length: 1000000000';
  const plain = Buffer.alloc(64 * 1024, ' ');
  const chunked = Buffer.concat([Buffer.from('10000\r\n'), plain, Buffer.from('\r\n')]);

  it.each<[status: number, why: string, path: string, headers: readonly string[], token: 'good' | 'bad' | 'none', Buffer]>([
    [401, 'no token', '/graphql', [endless], 'none', plain],
    [401, 'a bad token', '/graphql', [endless], 'bad', plain],
    [401, 'a bad token, of a body without a length', '/graphql', ['Transfer-Encoding: chunked'], 'bad', chunked],
    [413, 'too large a body', '/graphql', [endless], 'good', plain],
    [413, 'too large a body without a length', '/graphql', ['Transfer-Encoding: chunked'], 'good', chunked],
    [415, 'no JSON', '/graphql', [endless, 'Content-Type: text/plain'], 'good', plain],
    [404, 'another path', '/nowhere', [endless], 'none', plain],
    [200, 'a path that takes none', '/healthz', [endless], 'none', plain],
  ])('is not read on after %i (%s): the connection ends with the answer', async (status, _why, path, headers, which, chunk) => {
    const authorization = { good: [`Authorization: Bearer ${await token()}`], bad: ['Authorization: Bearer x.y.z'], none: [] };
    const given = headers.filter((header) => !header.startsWith('Content-Type'));
    const head = post([...given, ...authorization[which]], path);
    const typed = headers.length === given.length ? head : head.replace('application/json', 'text/plain');
    const { answer, sent, cut } = await sendOnAndOn(service.url, { head: typed, chunk, maxBytes: 256 * MiB });
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answer).toMatch(/\r\nconnection: close\r\n/i);
    expect(cut).toBe(true);
    // What the two kernels hold between them.
    expect(sent).toBeLessThan(32 * MiB);
  });

  it('does not keep a client that sends it whole from its answer', async () => {
    const body = JSON.stringify({ query: `#${'x'.repeat(8 * MiB)}` });
    for (const [authorization, status] of [['Bearer x.y.z', 401] as const, [`Bearer ${await token()}`, 413] as const]) {
      const answer = await request(`${service.url}/graphql`, { ...json('', { authorization }), body });
      expect(answer.status).toBe(status);
      expect(answer.body.errors).toHaveLength(1);
    }
  });

  it('costs a connection only where it was not read: a small one can be used again', async () => {
    const answer = await request(
      `${service.url}/graphql`,
      json({ query: '{ viewer { roles } }' }, { authorization: 'Bearer x' }),
    );
    expect([answer.status, answer.headers.get('connection')]).toEqual([401, 'keep-alive']);
  });
});
