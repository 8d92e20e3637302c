import { generateKeyPairSync } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pino } from 'pino';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { makePutLogEvents } from '../../src/audit/sinks/cloudwatch/put-log-events.ts';
import { checkpointText } from '../../src/transparency/model/checkpoint.ts';
import type { Anchor } from '../../src/transparency/ports/anchor.ts';
import { makeAnchorRunner } from '../../src/transparency/signing/anchor-runner.ts';
import { makeCloudWatchAnchor } from '../../src/transparency/signing/cloudwatch-anchor.ts';
import { signNote } from '../../src/transparency/signing/ed25519-notes.ts';
import { makeFileAnchor } from '../../src/transparency/signing/file-anchor.ts';
import { internalError, startCloudWatchServer, throttling, unavailable } from '../support/cloudwatch-server.ts';
import { clientOf, group, puts } from '../support/cloudwatch-shipping.ts';
import { createPostgresDatabase } from '../support/databases.ts';
import { growingLog } from '../support/growing-log.ts';
import { testInstant } from '../support/log-entries.ts';
import { request } from '../support/raw-http.ts';
import { startTestService, temporaryFolder } from '../support/service.ts';

const stream = 'audit-checkpoints';
const logId = '01900000-0000-4000-8000-000000000001';
const key = generateKeyPairSync('ed25519').privateKey;
const rootHash = Buffer.alloc(32, 7);
const aNote = (size: number, ofLog = logId) =>
  signNote(checkpointText({ logId: ofLog, epoch: 1, size, rootHash }), { name: `flagtrail/${ofLog}`, key });

const run = (anchor: Anchor, judge: (note: string) => string | null = () => null) => {
  const found: string[] = [];
  const lines: { msg: string }[] = [];
  const logger = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const runner = makeAnchorRunner({
    anchor,
    onFound: async (note) => {
      found.push(note);
      return judge(note);
    },
    logger,
    random: () => 0,
    describe: (error) => (error instanceof Error ? error.message : String(error)),
    backoff: { firstMs: 10, maxMs: 20 },
  });
  onTestFinished(() => runner.stop({ deadlineMs: 1000 }));
  return { found, lines, ...runner };
};

const setUpCloudWatch = async () => {
  const clock = { now: () => testInstant };
  const server = await startCloudWatchServer({ now: clock.now });
  onTestFinished(() => server[Symbol.asyncDispose]());
  const lines: string[] = [];
  const logger = pino({ level: 'warn' }, { write: (line: string) => void lines.push(JSON.parse(line).msg) });
  const start = (judge?: (note: string) => string | null) => {
    const place = { client: clientOf(server), logGroup: group, logStream: stream, logger };
    return run(makeCloudWatchAnchor({ ...place, put: makePutLogEvents(place), clock }), judge);
  };
  const sizes = () => server.accepted(group, stream).map(({ message }) => JSON.parse(message).size as number);
  return { server, start, sizes, lines };
};
const patiently = { timeout: 20_000 };

describe('the file', () => {
  it('holds the latest note, as a whole, for its owner alone, and nothing else is left beside it', async () => {
    const dataDir = temporaryFolder();
    const file = path.join(dataDir, 'log.checkpoint');
    const { start, put, found, stop } = run(makeFileAnchor({ dataDir }));
    await start();
    expect(found).toEqual([]);
    for (const size of [1, 2, 3]) put(aNote(size));
    await expect.poll(() => existsSync(file) && readFileSync(file, 'utf8')).toBe(aNote(3));
    put(aNote(4));
    await stop({ deadlineMs: 1000 });
    expect(readFileSync(file, 'utf8')).toBe(aNote(4));
    expect(readdirSync(dataDir)).toEqual(['log.checkpoint']);
    const next = run(makeFileAnchor({ dataDir }));
    await next.start();
    expect(next.found).toEqual([aNote(4)]);
  });

  it('with the checkpoint of another log is kept beside the new one, and is found again', async () => {
    const dataDir = temporaryFolder();
    const other = '01900000-0000-4000-8000-000000000002';
    const anchor = makeFileAnchor({ dataDir });
    for (const note of [aNote(7), aNote(1, other), aNote(2, other)]) await anchor.put(note, AbortSignal.timeout(1000));
    expect(readFileSync(path.join(dataDir, 'log.checkpoint'), 'utf8')).toBe(aNote(2, other));
    expect((await anchor.read(AbortSignal.timeout(1000))).toSorted()).toEqual([aNote(2, other), aNote(7)].toSorted());
    await anchor.put(aNote(8), AbortSignal.timeout(1000));
    expect((await anchor.read(AbortSignal.timeout(1000))).at(0)).toBe(aNote(8));
    expect(readdirSync(dataDir).toSorted()).toEqual(['log.checkpoint', `log.checkpoint.${logId}`, `log.checkpoint.${other}`]);
  });

  it('that cannot be written does not hold anybody up, and is tried again', async () => {
    const dataDir = path.join(temporaryFolder(), 'in-the-way');
    writeFileSync(dataDir, 'a file where the folder should be');
    const { start, put, lines, stop } = run(makeFileAnchor({ dataDir }));
    await start();
    put(aNote(1));
    await stop({ deadlineMs: 1000 });
    expect(lines[0]?.msg).toMatch(/^.*log\.checkpoint cannot be read: .*; it is tried again$/);
  });
});

describe('the CloudWatch stream', () => {
  it('is made when it is missing, and takes a JSON object with the note for each checkpoint', async () => {
    const { server, start, sizes } = await setUpCloudWatch();
    const anchor = start();
    await anchor.start();
    anchor.put(aNote(1));
    await vi.waitFor(() => expect(sizes()).toEqual([1]), patiently);
    anchor.put(aNote(2));
    await vi.waitFor(() => expect(sizes()).toEqual([1, 2]), patiently);
    const [{ message } = { message: '' }] = server.accepted(group, stream);
    expect(JSON.parse(message)).toEqual({
      type: 'checkpoint',
      origin: `flagtrail/${logId}`,
      size: 1,
      rootHash: rootHash.toString('base64'),
      note: aNote(1),
    });
    const next = start();
    await next.start();
    expect(next.found).toEqual([aNote(1), aNote(2)]);
  });

  it('that holds many notes of no use is one warning for each reason', async () => {
    const { server, start, sizes } = await setUpCloudWatch();
    const first = start();
    await first.start();
    for (const size of [1, 2, 3]) {
      first.put(aNote(size));
      await vi.waitFor(() => expect(sizes().at(-1)).toBe(size), patiently);
    }
    const next = start((note) => (note === aNote(3) ? null : 'it is of another log'));
    await next.start();
    expect(next.found).toHaveLength(3);
    expect(next.lines.map(({ msg }) => msg)).toEqual([
      `the CloudWatch stream ${group}:${stream} holds a checkpoint that says nothing about this log: it is of another log`,
    ]);
    expect(server.accepted(group, stream)).toHaveLength(3);
  });

  it('gets the latest of the notes that wait while it fails, and says so once', async () => {
    const { server, start, sizes } = await setUpCloudWatch();
    const anchor = start();
    await anchor.start();
    server.failAlways(throttling);
    anchor.put(aNote(1));
    await vi.waitFor(() => expect(anchor.lines).toHaveLength(1), patiently);
    for (const size of [2, 3, 4]) anchor.put(aNote(size));
    server.failNext(internalError, unavailable);
    await expect.poll(() => puts(server), patiently).toBeGreaterThan(4);
    server.failAlways(null);
    await vi.waitFor(() => expect(sizes()).toEqual([4]), patiently);
    await vi.waitFor(() => expect(anchor.lines.at(-1)?.msg).toBe('the anchor takes checkpoints again'), patiently);
    expect(anchor.lines[0]?.msg).toMatch(/^the CloudWatch stream .* takes no checkpoint: .*; it is tried again$/);
    expect(anchor.lines.filter(({ msg }) => msg.includes('tried again'))).toHaveLength(1);
  });

  it('is read before anything is put there, however long it is out of reach', async () => {
    const { server, start, sizes } = await setUpCloudWatch();
    const before = start();
    await before.start();
    before.put(aNote(9));
    await vi.waitFor(() => expect(sizes()).toEqual([9]), patiently);
    await server.goDown();
    const anchor = start();
    await anchor.start();
    expect(anchor.found).toEqual([]);
    anchor.put(aNote(3));
    await server.comeBack();
    await vi.waitFor(() => expect(sizes()).toEqual([9, 3]), patiently);
    expect(anchor.found).toEqual([aNote(9)]);
  });

  it('that this service must not read takes checkpoints, with a warning', async () => {
    const { server, start, sizes, lines } = await setUpCloudWatch();
    server.deny('GetLogEvents');
    const anchor = start();
    await anchor.start();
    anchor.put(aNote(1));
    await vi.waitFor(() => expect(sizes()).toEqual([1]), patiently);
    expect(lines).toEqual([expect.stringMatching(/cannot be read, .* allow logs:GetLogEvents/)]);
  });

  it('can hold what others wrote, which is left out', async () => {
    const { server, start, sizes } = await setUpCloudWatch();
    const first = start();
    await first.start();
    first.put(aNote(1));
    await vi.waitFor(() => expect(sizes()).toEqual([1]), patiently);
    const put = makePutLogEvents({
      client: clientOf(server),
      logGroup: group,
      logStream: stream,
      logger: pino({ level: 'silent' }),
    });
    const messages = ['not JSON', '{"note": 1}', '[]'];
    await put(
      messages.map((message) => ({ timestamp: testInstant.getTime(), message })),
      AbortSignal.timeout(20_000),
    );
    const anchor = start();
    await anchor.start();
    expect(anchor.found).toEqual([aNote(1)]);
  });
});

describe('a service', () => {
  it('anchors what it signs in CloudWatch, and finds out there that its database went back, though DATA_DIR is gone', async () => {
    const cloudWatch = await startCloudWatchServer({ now: () => new Date() });
    onTestFinished(() => cloudWatch[Symbol.asyncDispose]());
    cloudWatch.createGroup(group);
    for (const [name, value] of Object.entries({
      ENDPOINT_URL: cloudWatch.url,
      REGION: 'eu-central-1',
      ACCESS_KEY_ID: 'test',
      SECRET_ACCESS_KEY: 'test',
    }))
      vi.stubEnv(`AWS_${name}`, value);
    onTestFinished(() => void vi.unstubAllEnvs());
    const database = await createPostgresDatabase();
    const settings = { databaseUrl: database.url, env: { CLOUDWATCH_LOG_GROUP: group, CLOUDWATCH_LOG_STREAM: 'audit' } };
    const sizes = () => cloudWatch.accepted(group, stream).map(({ message }) => JSON.parse(message).size as number);

    const before = await startTestService(settings);
    await vi.waitFor(() => expect(sizes()).toContain(0), patiently);
    const restore = await growingLog(database).copy();
    await before.gql('mutation { createFlag(input: { key: "one", name: "One" }) { __typename } }');
    await vi.waitFor(() => expect(sizes()).toContain(1), patiently);
    await before.stop();
    await restore();

    const after = await startTestService(settings);
    const readWarnings = async () => (await request(`${after.url}/readyz`)).body.warnings.join();
    await expect
      .poll(readWarnings, patiently)
      .toMatch(
        /the CloudWatch stream flagtrail:audit-checkpoints holds a checkpoint of 1 entry, and the log in the database has 0/,
      );
  });
});
