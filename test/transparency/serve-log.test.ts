import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { Identity } from '../../src/access/model/actor.ts';
import { AuthenticationError } from '../../src/access/model/authenticator.ts';
import { toUnavailable } from '../../src/database/database-errors.ts';
import { makeIdentify } from '../../src/http/identify.ts';
import { protect } from '../../src/http/protect.ts';
import { makeReadRequestContext } from '../../src/http/request-context.ts';
import { requestScope, strangerScope } from '../../src/http/request-scope.ts';
import { startHttpServer } from '../../src/http/server.ts';
import { makeUnreadAnswers, unreadByStrangers } from '../../src/http/unread-answers.ts';
import { DatabaseUnavailableError } from '../../src/kernel/database-unavailable.ts';
import { makeFairQueue } from '../../src/kernel/limits/fair-queue.ts';
import { isLogPath, makeServeLog } from '../../src/transparency/http/serve-log.ts';
import type { Checkpoint } from '../../src/transparency/ports/tree.ts';
import { makeTree } from '../../src/transparency/store/tree-store.ts';
import { atTestEnd } from '../support/at-test-end.ts';
import { createPGliteDatabase, type TestDatabase } from '../support/databases.ts';
import { ada } from '../support/graphql-server.ts';
import { hashLeaf, makeMerkleTree } from '../support/merkle.ts';
import { growLog } from '../support/tables.ts';

const size = 300;
const memory = makeMerkleTree(Array.from({ length: size }, (_, n) => hashLeaf(`entry ${n + 1}`)));
const aCheckpoint = (covered: number): Checkpoint => ({
  epoch: 1,
  size: covered,
  rootHash: memory.rootAt(covered),
  note: `flagtrail/test\n${covered}\n${memory.rootAt(covered).toString('base64')}\n\n— flagtrail/test c2lnbmF0dXJl\n`,
  signedAt: new Date(),
});

const callers: Record<string, Identity> = {
  auditor: { ...ada, roles: ['AUDITOR'] },
  admin: ada,
  writer: { ...ada, userId: 'writer', roles: ['AUDIT_WRITER'] },
};

type Options = {
  isPublic?: boolean;
  checkpoint?: Checkpoint | null | Promise<null> | Error;
  unread?: Partial<typeof unreadByStrangers>;
};

/** The log of a database over HTTP, with callers whose tokens are their names. */
const serve = async (
  db: TestDatabase,
  { isPublic = false, checkpoint = aCheckpoint(size), unread: limits = {} }: Options = {},
) => {
  const onRefused = () => {};
  const queue = () => makeFairQueue({ what: 'reads', places: 1, share: 1, maxWaiting: 2, maxWaitingPerCaller: 2, onRefused });
  const strangers = { warn: vi.fn(), error: vi.fn() };
  const recordAccessDenied = vi.fn();
  const unread = makeUnreadAnswers();
  const unreadStrangers = makeUnreadAnswers({ ...unreadByStrangers, ...limits });
  const serveLog = makeServeLog({
    tiles: makeTree(db.database.prisma),
    checkpoints: { latest: async () => (checkpoint instanceof Error ? Promise.reject(checkpoint) : checkpoint) },
    isPublic,
    identify: makeIdentify(async (token) => {
      const identity = callers[token];
      if (!identity) throw new AuthenticationError('the token is not a well-formed JWT');
      return identity;
    }),
    recordAccessDenied,
    queues: { callers: queue(), strangers: queue() },
    unreadByStrangers: unreadStrangers,
    toUnavailable,
    strangers,
  });
  const server = await startHttpServer({
    host: '127.0.0.1',
    port: 0,
    readiness: async () => ({ ready: true, reasons: [] }),
    metrics: async () => ({ contentType: 'text/plain', text: '' }),
    unread,
    onRefused,
    onError: () => {},
  });
  server.serve({
    handle: (_request, response) => response.end(),
    serveOther: (request, response) => {
      const requestContext = makeReadRequestContext(null)(request);
      protect(response);
      requestScope.run(strangerScope(requestContext), () => serveLog(request, response, requestContext));
      return true;
    },
    upgrade: () => {},
  });
  atTestEnd(() => server.close(0));

  /** What is below /log/, as bytes: fetch would decompress them. */
  const ask = async (path: string, { as, headers = {}, method = 'GET' }: Asked = {}) => {
    const authorization = as === undefined ? {} : { authorization: `Bearer ${as}` };
    const url = `${server.url}/log/${path}`;
    const request = get(url, { method, headers: { ...authorization, ...headers }, agent: false });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const body = Buffer.concat(await response.toArray());
    const { error } = response.headers['content-type']?.includes('application/json') ? JSON.parse(String(body) || '{}') : {};
    return { status: response.statusCode, headers: response.headers, body, error: error as string | undefined };
  };
  return { ask, url: server.url, recordAccessDenied, strangers, unread, unreadStrangers };
};
type Asked = { as?: string; headers?: Record<string, string>; method?: string };

let shared: TestDatabase;
beforeAll(async () => {
  shared = await createPGliteDatabase();
  await growLog(shared, size);
});
const withLog = (options: Options = {}) => serve(shared, options);
/** A log that the test changes. */
const withOwnLog = async (options: Options = {}) => {
  const db = await createPGliteDatabase();
  await growLog(db, size);
  return { db, ...(await serve(db, options)) };
};
const asAuditor = { as: 'auditor' };
/** Entries of the form that has disclosures. */
const inNewForm = async ({ sql }: TestDatabase, condition = 'true') => {
  await sql('ALTER TABLE audit_log DISABLE TRIGGER USER');
  await sql(`UPDATE audit_log SET entry = '{"_sd_alg":"sha-256","position":' || position || '}' WHERE ${condition}`);
};

describe('the log over HTTP', () => {
  it('has the checkpoint as it was signed, which caches keep for a second', async () => {
    const { ask } = await withLog();
    const { status, headers, body } = await ask('checkpoint', asAuditor);
    expect(status).toBe(200);
    expect(body.toString()).toBe(aCheckpoint(size).note);
    expect(headers).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'cache-control': 'private, max-age=1',
      'x-content-type-options': 'nosniff',
    });
  });

  it('has full and partial tiles, which never change', async () => {
    const { ask } = await withLog();
    for (const [path, tile] of [
      ['tile/0/000', memory.tile(0, 0, 256)],
      ['tile/0/001.p/44', memory.tile(0, 1, 44)],
      ['tile/0/001.p/7', memory.tile(0, 1, 7)],
      ['tile/1/000.p/1', memory.tile(1, 0, 1)],
    ] as const) {
      const { status, headers, body } = await ask(path, asAuditor);
      expect({ path, status, body }).toEqual({ path, status: 200, body: tile });
      expect(headers).toMatchObject({
        'content-type': 'application/octet-stream',
        'content-length': String(tile.length),
        'cache-control': 'private, max-age=31536000, immutable',
        vary: 'accept-encoding, authorization',
      });
    }
  });

  it('has entry bundles: each entry after its length', async () => {
    const { ask } = await withLog();
    const { status, headers, body } = await ask('tile/entries/001.p/44', asAuditor);
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('application/octet-stream');
    const entries: string[] = [];
    for (let at = 0; at < body.length; ) {
      const end = at + 2 + body.readUInt16BE(at);
      entries.push(body.subarray(at + 2, end).toString());
      at = end;
    }
    expect(entries).toEqual(Array.from({ length: 44 }, (_, n) => `entry ${257 + n}`));
    expect(entries.map((entry) => hashLeaf(entry))).toEqual(entries.map((_, n) => memory.hashOf(256 + n, 257 + n)));
  });

  it('has the disclosures of each entry as SD-JWT encodes them, which no cache keeps', async () => {
    const { db, ask } = await withOwnLog();
    const line = '["AAAAAAAAAAAAAAAAAAAAAA","name","Ada"]';
    await db.sql("INSERT INTO audit_disclosures (position, disclosures) VALUES (2, $1), (3, '')", [`${line}\n${line}`]);
    const { status, headers, body } = await ask('disclosures/000.p/4', asAuditor);
    expect(status).toBe(200);
    const encoded = Buffer.from(line).toString('base64url');
    expect(body.toString()).toBe(`[]\n["${encoded}","${encoded}"]\n[]\n[]\n`);
    expect(headers).toMatchObject({ 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' });
  });

  it.each(['tile/entries/000', 'disclosures/000'])('compresses %s for who asks for it, and for nobody else', async (path) => {
    const { db, ask } = await withOwnLog();
    await db.sql(
      "INSERT INTO audit_disclosures (position, disclosures) SELECT n, repeat('x', 100) FROM generate_series(1, 256) n",
    );
    const plain = await ask(path, asAuditor);
    expect(plain.headers).not.toHaveProperty('content-encoding');
    for (const accepted of ['gzip', 'br, gzip;q=0.5', 'GZIP'.toLowerCase()]) {
      const { headers, body } = await ask(path, { ...asAuditor, headers: { 'accept-encoding': accepted } });
      expect(headers['content-encoding']).toBe('gzip');
      expect(body.length).toBeLessThan(plain.body.length);
      expect(gunzipSync(body)).toEqual(plain.body);
    }
    for (const refused of ['identity', 'gzip;q=0']) {
      const { headers } = await ask(path, { ...asAuditor, headers: { 'accept-encoding': refused } });
      expect(headers).not.toHaveProperty('content-encoding');
      expect(headers.vary).toContain('accept-encoding');
    }
  });

  it('does not compress hashes, which would only grow', async () => {
    const { ask } = await withLog();
    const { headers } = await ask('tile/0/000', { ...asAuditor, headers: { 'accept-encoding': 'gzip' } });
    expect(headers).not.toHaveProperty('content-encoding');
  });

  it.each(['checkpoint', 'tile/0/000', 'tile/entries/000', 'disclosures/000'])(
    'answers HEAD as GET, without the body: %s',
    async (path) => {
      const { ask } = await withLog();
      const [got, headed] = [await ask(path, asAuditor), await ask(path, { ...asAuditor, method: 'HEAD' })];
      expect(headed.status).toBe(200);
      expect(headed.body).toHaveLength(0);
      const named = ['content-type', 'cache-control', 'etag', 'vary', 'content-length'] as const;
      for (const name of named) expect([name, headed.headers[name]]).toEqual([name, got.headers[name]]);
    },
  );

  it('answers 304 to who has it already', async () => {
    const { ask } = await withLog();
    const { headers } = await ask('tile/0/000', asAuditor);
    const again = await ask('tile/0/000', { ...asAuditor, headers: { 'if-none-match': String(headers.etag) } });
    expect([again.status, again.body.length]).toEqual([304, 0]);
  });
});

describe('what the log refuses', () => {
  it('is 404 beyond the latest checkpoint, though the database has it, and names what there is instead', async () => {
    const { ask } = await withLog({ checkpoint: aCheckpoint(270) });
    expect((await ask('tile/0/001.p/14', asAuditor)).status).toBe(200);
    for (const path of ['tile/0/001.p/15', 'tile/0/001', 'tile/entries/001.p/15', 'disclosures/001.p/44']) {
      const { status, headers, error } = await ask(path, asAuditor);
      const there = path.replace(/001.*/, '001.p/14');
      expect([status, error]).toEqual([
        404,
        `${path} reaches beyond the latest checkpoint, which covers 270 entries: ask for ${there}`,
      ]);
      expect(headers['cache-control']).toBe('no-store');
    }
    for (const path of [
      'tile/0/002.p/1',
      'tile/2/000.p/1',
      'tile/1/000.p/2',
      'tile/0/x999/999',
      'tile/63/000',
      'disclosures/002',
    ]) {
      expect((await ask(path, asAuditor)).status).toBe(404);
    }
    expect((await ask('tile/0/002.p/1', asAuditor)).error).toMatch(/covers 270 entries$/);
  });

  it('is 404 before the first checkpoint is signed', async () => {
    const { ask } = await withLog({ checkpoint: null });
    for (const path of ['checkpoint', 'tile/0/000']) {
      expect(await ask(path, asAuditor)).toMatchObject({
        status: 404,
        error: expect.stringContaining('no checkpoint has been signed yet'),
      });
    }
  });

  it.each(['tile/0/0', 'tile/0/x000/001', 'tile/64/000', 'tile/0/000.p/256', 'tile/entries/000.p/0', 'disclosures/1', 'tile/'])(
    'is 400 with the form of an address: %s',
    async (path) => {
      const { ask } = await withLog();
      const { status, error } = await ask(path, asAuditor);
      expect([status, error]).toEqual([400, expect.stringContaining('x001/x234/067 for 1234067')]);
    },
  );

  it.each(['', 'checkpoints', 'checkpoint/', 'data/000', '..%2f..%2fetc'])(
    'is 404 where there is nothing: /log/%s',
    async (path) => {
      const { ask } = await withLog();
      const { status, error } = await ask(path, asAuditor);
      expect([status, error]).toEqual([404, expect.stringContaining('tile/entries/<N>[.p/<W>]')]);
    },
  );

  it('is 404 where entries were pruned, and their hashes stay', async () => {
    const { db, ask } = await withOwnLog();
    await db.sql('ALTER TABLE audit_log DISABLE TRIGGER USER');
    await db.sql('DELETE FROM audit_log WHERE position <= 256');
    expect(await ask('tile/entries/000', asAuditor)).toMatchObject({
      status: 404,
      error: expect.stringContaining('were pruned'),
    });
    expect((await ask('tile/0/000', asAuditor)).body).toEqual(memory.tile(0, 0, 256));
  });

  it('is 404 for a bundle with an entry that is too long for it, and names that entry', async () => {
    const { db, ask } = await withOwnLog();
    await db.sql('ALTER TABLE audit_log DISABLE TRIGGER USER');
    await db.sql("UPDATE audit_log SET entry = repeat('x', 65536) WHERE position = 7");
    const { status, error } = await ask('tile/entries/000', asAuditor);
    expect([status, error]).toEqual([404, expect.stringContaining('the entry at position 7 is longer than 65535 bytes')]);
    expect((await ask('tile/entries/000.p/6', asAuditor)).status).toBe(200);
  });

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('is 405 for %s', async (method) => {
    const { ask } = await withLog({ isPublic: true });
    const { status, headers } = await ask('checkpoint', { ...asAuditor, method });
    expect([status, headers.allow]).toEqual([405, 'GET, HEAD']);
  });

  it('is 500 without details where the database lacks what was signed, and logged once', async () => {
    const { db, ask, strangers } = await withOwnLog();
    await db.sql('ALTER TABLE audit_tiles DISABLE TRIGGER USER');
    await db.sql('ALTER TABLE audit_log DISABLE TRIGGER USER');
    await db.sql('DELETE FROM audit_tiles');
    await db.sql('DELETE FROM audit_log WHERE position = 5');
    const { status, error } = await ask('tile/0/000', asAuditor);
    expect([status, error]).toEqual([500, 'Something went wrong on our side; the service log has the details']);
    expect(strangers.error).toHaveBeenCalledOnce();
  });
});

it('an outage of the database is 503, and a line in the log', async () => {
  const { ask, strangers } = await withLog({ checkpoint: new DatabaseUnavailableError('it is gone', null) });
  const { status, headers, error } = await ask('checkpoint', asAuditor);
  expect([status, headers['retry-after'], error]).toEqual([503, '2', 'The database does not answer now: try again']);
  expect(strangers.warn).toHaveBeenCalledOnce();
});

describe('who may read the log', () => {
  const paths = ['checkpoint', 'tile/0/000', 'tile/entries/000', 'disclosures/000', 'nothing'];

  it.each(paths)('auditors and admins only: %s is 401 without a token, or with a bad one', async (path) => {
    const { ask } = await withLog();
    for (const given of [{}, { as: 'nobody' }, { headers: { authorization: 'Basic YTpi' } }]) {
      const { status, headers, error } = await ask(path, given);
      expect([status, headers['www-authenticate']]).toEqual([401, 'Bearer']);
      expect(error).toMatch(/bearer token|well-formed/);
    }
    for (const as of ['auditor', 'admin']) expect((await ask(path, { as })).status).toBe(path === 'nothing' ? 404 : 200);
  });

  it.each(paths)('another role is 403 and recorded: %s', async (path) => {
    const { ask, recordAccessDenied } = await withLog();
    const { status, error } = await ask(path, { as: 'writer' });
    expect([status, error]).toEqual([403, expect.stringContaining('requires the role AUDITOR')]);
    const operation =
      {
        'tile/0/000': '/log/tile',
        'tile/entries/000': '/log/tile/entries',
        'disclosures/000': '/log/disclosures',
        nothing: '/log/',
      }[path] ?? '/log/checkpoint';
    expect(recordAccessDenied).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ userId: 'writer' }), {
      operation,
      requiredRole: 'AUDITOR',
    });
  });

  it('everybody, with LOG_PUBLIC: checkpoint, tiles and entries, which shared caches may keep', async () => {
    const { db, ask, recordAccessDenied } = await withOwnLog({ isPublic: true });
    await inNewForm(db);
    for (const path of ['checkpoint', 'tile/0/000', 'tile/entries/000']) {
      for (const given of [{}, { as: 'writer' }, { as: 'auditor' }]) {
        const { status, headers } = await ask(path, given);
        expect([path, status]).toEqual([path, 200]);
        expect(headers['cache-control']).toMatch(/^public, /);
        expect(headers.vary).toBe('accept-encoding');
      }
    }
    expect(recordAccessDenied).not.toHaveBeenCalled();
    expect((await ask('checkpoint', { as: 'nobody' })).status).toBe(401);
  });

  it('never everybody: disclosures are for auditors, with LOG_PUBLIC, too', async () => {
    const { ask } = await withLog({ isPublic: true });
    expect(await ask('disclosures/000')).toMatchObject({
      status: 401,
      error: expect.stringContaining('disclosures are for auditors'),
    });
    expect((await ask('disclosures/000', { as: 'writer' })).status).toBe(403);
    expect((await ask('disclosures/000', asAuditor)).status).toBe(200);
  });

  it('never everybody: a bundle with one entry from before disclosures is for auditors, and for no shared cache', async () => {
    const { db, ask, recordAccessDenied } = await withOwnLog({ isPublic: true });
    await inNewForm(db, 'position <> 300');
    expect((await ask('tile/entries/001.p/43')).status).toBe(200);
    const path = 'tile/entries/001.p/44';
    expect(await ask(path)).toMatchObject({ status: 401, error: expect.stringContaining('before disclosures existed') });
    expect((await ask(path, { as: 'writer' })).status).toBe(403);
    expect(recordAccessDenied).toHaveBeenCalledOnce();
    const { status, headers } = await ask(path, asAuditor);
    expect([status, headers['cache-control']]).toEqual([200, 'private, max-age=31536000, immutable']);
    expect((await ask('tile/0/001.p/44')).status).toBe(200);
  });
});

describe('answers that nobody reads', () => {
  it('of strangers are bounded apart from those of callers', async () => {
    const { ask, unreadStrangers, unread } = await withLog({ isPublic: true, unread: { callerBytes: 8192, processBytes: 8192 } });
    const answer = unreadStrangers.open();
    answer.belongsTo('another');
    answer.hold(100);
    const refused = await ask('tile/0/000');
    expect(refused).toMatchObject({
      status: 429,
      headers: { 'retry-after': '1' },
      error: expect.stringContaining('nobody has read'),
    });
    expect((await ask('tile/0/000', asAuditor)).status).toBe(200);
    answer.close();
    expect((await ask('tile/0/000')).status).toBe(200);
    await expect.poll(() => [unreadStrangers.bytes(), unread.bytes()]).toEqual([0, 0]);
  });

  it('of disclosures are read on only as the client reads, and end with its connection', async () => {
    const { db, url, strangers, unread } = await withOwnLog();
    await db.sql(
      "INSERT INTO audit_disclosures (position, disclosures) SELECT n, repeat('x', 1000000) FROM generate_series(1, 40) n",
    );
    const request = get(`${url}/log/disclosures/000`, { headers: { authorization: 'Bearer auditor' }, agent: false });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    await once(response, 'readable');
    expect(unread.streams()).toBe(1);
    expect(unread.bytes()).toBeLessThan(20_000_000);
    request.destroy();
    await expect.poll(() => [unread.streams(), unread.bytes()]).toEqual([0, 0]);
    expect(strangers.error).not.toHaveBeenCalled();
  });
});

it('reads of strangers wait for their turn apart from those of callers, and are refused beyond their line', async () => {
  const first = Promise.withResolvers<null>();
  const { ask } = await withLog({ isPublic: true, checkpoint: first.promise });
  // One runs, two wait, and one is refused, whichever came last.
  const asked = Array.from({ length: 4 }, () => ask('checkpoint'));
  expect(await Promise.race(asked)).toMatchObject({
    status: 429,
    headers: { 'retry-after': '1' },
    error: expect.stringContaining('You have 2 reads waiting'),
  });
  const ofCaller = ask('checkpoint', asAuditor);
  first.resolve(null);
  expect((await ofCaller).status).toBe(404);
  expect((await Promise.all(asked)).map(({ status }) => status).toSorted()).toEqual([404, 404, 404, 429]);
});

it('only paths below /log/ are the log', () => {
  expect(['/log/checkpoint', '/log/'].every(isLogPath)).toBe(true);
  expect(['/log', '/logs/checkpoint', '/LOG/checkpoint', '/graphql', '//log/checkpoint'].some(isLogPath)).toBe(false);
});
