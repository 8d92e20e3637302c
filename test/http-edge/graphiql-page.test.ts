import { gunzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { createPostgresDatabase } from '../support/databases.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { aToken, openPage, signIn } from './page.ts';

const development = { AUTH_SECRET: undefined, AUTH_ISSUER: undefined, AUTH_AUDIENCE: undefined };
const start = async (env: Record<string, string | undefined>) =>
  startTestService({ databaseUrl: (await createPostgresDatabase()).url, env: { ROLES: 'api', ...env } });

describe("GraphiQL's page in development mode", () => {
  let service: TestService;
  let code: string;
  beforeAll(async () => {
    service = await start(development);
    code = service.welcome()?.pageCode ?? '';
  });
  const portOf = ({ url }: TestService) => new URL(url).port;

  it('is signed in for a browser that comes with the code, and gives it a cookie for this page alone', async () => {
    expect(code).toMatch(/^[0-9a-f]{32,}$/);
    const { status, headers, text } = await openPage(service, { path: `/graphql?query=%7Bviewer%7D&code=${code}` });
    expect([status, aToken.test(text)]).toEqual([200, true]);
    expect(headers['set-cookie']).toEqual([expect.stringMatching(/^[^;]+; Path=\/graphql; HttpOnly; SameSite=Strict$/)]);
    expect(headers).toMatchObject({ 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' });
    expect(String(headers['set-cookie']) + text).not.toContain(code);
  });

  it('is signed in for a browser with that cookie, on any loopback host, as often as it likes', async () => {
    for (const cookie of [await signIn(service), `theme=dark; ${await signIn(service)}; other=1`]) {
      for (const host of ['127.0.0.1', 'localhost', '[::1]', '127.8.8.8'].map((name) => `${name}:${portOf(service)}`)) {
        const { status, headers, text } = await openPage(service, { headers: { host, cookie } });
        expect([status, headers['cache-control'], headers['x-frame-options']]).toEqual([200, 'no-store', 'DENY']);
        const [token = ''] = aToken.exec(text) ?? [];
        expect((await service.gql('{ viewer { roles } }', {}, { as: token })).data).toEqual({ viewer: { roles: ['ADMIN'] } });
      }
    }
  });

  it('is there without the code, without a token, and says where the address is', async () => {
    const other = await start(development);
    const strangers = [
      {},
      { path: '/graphql?code=' },
      { path: `/graphql?code=${code.slice(1)}` },
      { path: `/graphql?code=${other.welcome()?.pageCode}` },
      { headers: { cookie: `flagtrail-${portOf(service)}=${code}` } },
      { headers: { cookie: await signIn(other) } },
      { headers: { cookie: (await signIn(other)).replace(portOf(other), portOf(service)) } },
      { headers: { cookie: `flagtrail-${portOf(service)}=` } },
    ];
    for (const asked of strangers) {
      const { status, headers, text } = await openPage(service, asked);
      expect([status, headers['set-cookie'], aToken.test(text)], JSON.stringify(asked)).toEqual([200, undefined, false]);
      expect(text).toMatch(/not signed in.*\/graphql\?code=.*stderr/);
    }
  });

  it.each<[string, Record<string, string>]>([
    ['by a foreign name', { host: 'evil.example' }],
    ['by a name that begins like a loopback host', { host: '127.0.0.1.evil.example' }],
    ['by an address of the network', { host: '192.168.0.1' }],
    ['through a proxy', { 'x-forwarded-for': '192.0.2.1' }],
    ['through a proxy that says only the protocol', { 'x-forwarded-proto': 'https' }],
    ['through a proxy that keeps to RFC 7239', { forwarded: 'for=192.0.2.1' }],
    ['through a proxy that says only that it is there', { via: '1.1 proxy' }],
  ])('signs nobody in %s, though they have code and cookie', async (_how, headers) => {
    const withCode = await openPage(service, { path: `/graphql?code=${code}`, headers });
    expect([withCode.status, withCode.headers['set-cookie'], aToken.test(withCode.text)]).toEqual([200, undefined, false]);
    expect((await openPage(service, { headers: { ...headers, cookie: await signIn(service) } })).text).not.toMatch(aToken);
  });

  it('lets nobody use the API with the cookie, or with the code', async () => {
    const cookie = await signIn(service);
    expect((await service.gql('{ viewer { roles } }', {}, { as: null, headers: { cookie } })).status).toBe(401);
    const asked = await fetch(`${service.url}/graphql?query={viewer{roles}}&code=${code}`, { headers: { cookie } });
    expect(asked.status).toBe(401);
  });
});

describe("GraphiQL's page that nobody can be signed in to", () => {
  it('says so where other machines may reach it, and has no code', async () => {
    const service = await start({ ...development, HOST: '0.0.0.0' });
    expect(service.welcome()).toMatchObject({ token: expect.stringMatching(aToken), pageCode: null });
    const { status, text } = await openPage(service, { path: '/graphql?code=null' });
    expect(status).toBe(200);
    expect(text).toMatch(/not signed in, because other machines may reach it/);
    expect(text).not.toMatch(aToken);
  });

  it('carries no token where tokens come from elsewhere', async () => {
    const service = await start({});
    expect(service.welcome()).toBe(null);
    const { status, text } = await openPage(service);
    expect(status).toBe(200);
    expect(text).not.toMatch(aToken);
  });
});

describe("GraphiQL's page in production", () => {
  let service: TestService;
  beforeAll(async () => {
    service = await start({ NODE_ENV: 'production', GRAPHIQL: 'true' });
  });
  const filesOf = (text: string) => Array.from(text.matchAll(/(?:src|href)="([^"]+)"/g), ([, name]) => `/${name}`);

  it('is small, the same for everybody, and not sent again to a browser that has it', async () => {
    const { headers, text } = await openPage(service);
    expect(text.length).toBeLessThan(32 * 1024);
    expect((await openPage(service, { headers: { cookie: 'a=b', 'accept-language': 'de' } })).text).toBe(text);
    const again = await openPage(service, { headers: { 'if-none-match': String(headers.etag) } });
    expect([again.status, again.text]).toEqual([304, '']);
    const head = await openPage(service, { method: 'HEAD' });
    expect([head.status, head.text, head.headers.etag]).toEqual([200, '', headers.etag]);
  });

  it('loads files of its own alone, which browsers keep for ever, compressed where they can', async () => {
    const files = filesOf((await openPage(service)).text);
    expect(files.map((file) => file.replace(/[0-9a-f]{16}/, '#'))).toEqual([
      '/graphql/graphiql-#.ico',
      '/graphql/graphiql-#.css',
      '/graphql/graphiql-#.js',
    ]);
    for (const path of files) {
      const plain = await openPage(service, { path });
      expect(plain.headers['cache-control']).toBe('public, max-age=31536000, immutable');
      const compressed = await openPage(service, { path, headers: { 'accept-encoding': 'br, gzip' } });
      expect(compressed.headers).toMatchObject({ 'content-encoding': 'gzip', etag: plain.headers.etag });
      expect(gunzipSync(compressed.bytes).equals(plain.bytes)).toBe(true);
      const refused = await openPage(service, { path, headers: { 'accept-encoding': 'gzip;q=0' } });
      expect(refused.headers['content-encoding']).toBe(undefined);
      const again = await openPage(service, { path, headers: { 'if-none-match': String(plain.headers.etag) } });
      expect([again.status, again.bytes.length]).toEqual([304, 0]);
    }
  });

  it('has no other files', async () => {
    for (const path of ['/graphql/', '/graphql/graphiql-', '/graphql/graphiql-../../etc/passwd', '/graphql/graphiql-0.js']) {
      expect((await openPage(service, { path })).status, path).toBe(404);
    }
  });
});
