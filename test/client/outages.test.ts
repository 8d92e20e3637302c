import { describe, expect, it } from 'vitest';
import { type AuditApi, startAuditApi } from '../support/audit-api.ts';
import { openClient } from './manual-world.ts';

const login = (index: number, details?: object) => ({ type: 'login', userId: `user-${index}`, details }) as const;
const range = (count: number) => Array.from({ length: count }, (_, index) => index);

/** What the log knows of the application's events: delivered, and declared lost. */
const accountedFor = (api: AuditApi): number =>
  api.recorded().reduce((sum, { type, details }) => sum + (type === 'audit.loss' ? Number(details?.count) : 1), 0);

describe('an API that is down', () => {
  it('gets everything when it is back after ten minutes', async () => {
    const api = await startAuditApi();
    const { client, until, untilIdle, elapsedMs, lines } = openClient(api);
    await api.goDown();
    for (const index of range(700)) client.logAuditEvent(login(index));
    await until(() => elapsedMs() > 600_000);
    expect(client.stats()).toMatchObject({ queued: 700, sent: 0 });
    // One line for each minute at most, and they say what is wrong.
    expect(lines.length).toBeLessThanOrEqual(11);
    expect(lines[0]?.fields).toMatchObject({ why: 'ECONNREFUSED', queued: 700 });
    await api.comeBack();
    await untilIdle();
    expect(elapsedMs()).toBeLessThan(600_000 + 60_000);
    expect(api.recorded().map(({ userId }) => userId)).toEqual(range(700).map((index) => `user-${index}`));
  });

  it('is asked less and less often, at most every thirty seconds', async () => {
    const api = await startAuditApi();
    api.will({ status: 500 });
    const { client, until, elapsedMs } = openClient(api);
    client.logAuditEvent(login(0));
    const triedAtMs: number[] = [];
    await until(() => {
      if (api.requests.length > triedAtMs.length) triedAtMs.push(elapsedMs());
      return triedAtMs.length === 10;
    });
    // Half of each wait is random; the test's random number is a half.
    const waits = triedAtMs.slice(1).map((at, index) => at - (triedAtMs[index] ?? 0));
    expect(waits).toEqual([375, 750, 1500, 3000, 6000, 12_000, 22_500, 22_500, 22_500]);
  });

  it('hears of the 40,000 that a queue of 10,000 did not take from a burst of 50,000: in one declaration', async () => {
    const api = await startAuditApi();
    const { client, until, untilIdle, elapsedMs } = openClient(api);
    await api.goDown();
    for (const index of range(30_000)) client.logAuditEvent(login(index));
    await until(() => elapsedMs() > 60_000);
    for (const index of range(20_000)) client.logAuditEvent(login(index + 30_000));
    expect(client.stats()).toMatchObject({ queued: 10_000, dropped: 40_000 });
    await api.comeBack();
    await untilIdle();
    expect(client.stats()).toEqual({
      ...{ queued: 0, sent: 10_000, duplicates: 0, refused: 0, dropped: 40_000, declaredLost: 40_000 },
    });
    expect(api.losses().map(({ details }) => details)).toEqual([
      {
        count: 40_000,
        reason: 'client_queue_full',
        since: '2026-03-01T09:00:00.000Z',
        until: expect.stringMatching(/^2026-03-01T09:01/),
      },
    ]);
    expect(accountedFor(api)).toBe(50_000);
    // It hears of them as soon as it is back, not after everything else.
    expect(api.recorded().findIndex(({ type }) => type === 'audit.loss')).toBeLessThanOrEqual(500);
  });

  it('is obeyed when it says Retry-After, in seconds or as a date', async () => {
    const api = await startAuditApi();
    const { client, until, untilIdle, elapsedMs, nextTimerMs, isAsking, world } = openClient(api);
    const answers = [
      { status: 503, headers: { 'retry-after': '120' } },
      { status: 429, headers: { 'retry-after': new Date(world.now() + 300_000).toUTCString() } },
    ];
    api.will(() => answers[api.requests.length - 1] ?? 'answer');
    client.logAuditEvent(login(0));
    await until(() => api.requests.length === 1 && !isAsking());
    expect(nextTimerMs()).toBe(120_000);
    await until(() => api.requests.length === 2 && !isAsking());
    expect(elapsedMs() + (nextTimerMs() ?? 0)).toBe(300_000);
    await untilIdle();
    expect(client.stats()).toMatchObject({ sent: 1 });
  });

  it('is asked again after five minutes at most, whatever it says', async () => {
    const api = await startAuditApi();
    const { client, until, untilIdle, nextTimerMs, isAsking } = openClient(api);
    const answers = [{ status: 503, headers: { 'retry-after': '86400' } }];
    api.will(() => answers[api.requests.length - 1] ?? 'answer');
    client.logAuditEvent(login(0));
    await until(() => api.requests.length === 1 && !isAsking());
    expect(nextTimerMs()).toBe(300_000);
    await untilIdle();
    expect(client.stats()).toMatchObject({ sent: 1 });
  });

  it.each([
    ['401', { status: 401, body: { errors: [{ message: 'expired', extensions: { code: 'UNAUTHENTICATED' } }] } }],
    ['403', { status: 403, body: { errors: [{ message: 'AUDIT_WRITER', extensions: { code: 'FORBIDDEN' } }] } }],
    ['a 401 of a proxy', { status: 401, body: 'who are you?' }],
    ['an internal error', { status: 200, body: { errors: [{ message: 'masked' }], data: { recordAuditEvents: null } } }],
    ['a page that is none of this API', { status: 200, body: '<html>' }],
    ['results that are fewer than the events', { status: 200, body: { data: { recordAuditEvents: { results: [] } } } }],
    [
      'results of other events',
      { status: 200, body: { data: { recordAuditEvents: { results: [{ id: 'other', status: 'RECORDED', issues: [] }] } } } },
    ],
    ['a 400 without a body', { status: 400 }],
    ['a 400 of a proxy', { status: 400, body: '<html>' }],
    [
      'a 400 of another API',
      { status: 400, body: { errors: [{ message: 'bad request', extensions: { code: 'BAD_REQUEST' } }] } },
    ],
    ['nothing at that address', { status: 404 }],
    ['a redirect', { status: 302, headers: { location: '/elsewhere' } }],
  ])('loses no event to %s', async (_, reply) => {
    const api = await startAuditApi();
    const { client, until, untilIdle, elapsedMs, lines } = openClient(api);
    api.will(() => (elapsedMs() < 150_000 ? reply : 'answer'));
    client.logAuditEvent(login(0));
    await until(() => elapsedMs() >= 150_000);
    const cause = [401, 403].includes(reply.status) ? 'does not accept the token' : 'is not available';
    expect(lines.map(({ message }) => message)).toEqual(Array(3).fill(`the audit API ${cause}: the events are sent again`));
    await untilIdle();
    expect(client.stats()).toMatchObject({ sent: 1, refused: 0 });
  });
});

it.each(['never end', 'never end, compressed'] as const)('an answer that would %s is not read to its end', async (behaviour) => {
  const api = await startAuditApi();
  const { client, untilIdle, lines } = openClient(api);
  api.will(() => (api.requests.length < 3 ? behaviour : 'answer'));
  for (const index of range(4)) client.logAuditEvent(login(index));
  await untilIdle();
  expect(lines[0]?.fields).toMatchObject({ why: 'the answer is larger than 1048576 bytes', queued: 4 });
  // What says too much about all may say less about a part.
  expect(api.requests.map(({ events }) => events.length)).toEqual([4, 2, 1, 1, 2]);
  expect(client.stats()).toMatchObject({ sent: 4, duplicates: 0 });
});

describe('an API that is slow', () => {
  it('gets smaller and smaller batches where it does not answer in time, and larger ones again', async () => {
    const api = await startAuditApi();
    const { client, untilAsking, until, untilIdle, timeOut, isAsking } = openClient(api, { batchSize: 400 });
    api.will((events) => (events.length > 100 ? 'hang' : 'answer'));
    for (const index of range(1000)) client.logAuditEvent(login(index));
    for (const size of [400, 200]) {
      await untilAsking();
      await until(() => api.requests.at(-1)?.events.length === size);
      timeOut();
      await until(() => !isAsking());
    }
    api.will((events) => (events.length > 400 ? 'hang' : 'answer'));
    await untilIdle();
    expect(api.requests.map(({ events }) => events.length)).toEqual([400, 200, 100, 100, 200, 400, 200]);
    expect(api.recorded().map(({ userId }) => userId)).toEqual(range(1000).map((index) => `user-${index}`));
  });
});

describe('an API that dies after it recorded a batch', () => {
  it('gets the batch again: duplicates are sent, not lost', async () => {
    const api = await startAuditApi();
    const { client, untilIdle } = openClient(api);
    api.will(() => (api.requests.length === 1 ? 'record, then break' : 'answer'));
    for (const index of range(20)) client.logAuditEvent(login(index));
    await untilIdle();
    expect(client.stats()).toEqual({ queued: 0, sent: 20, duplicates: 20, refused: 0, dropped: 0, declaredLost: 0 });
    expect(api.recorded()).toHaveLength(20);
  });

  it('hears once of a loss whose declaration was lost', async () => {
    const api = await startAuditApi();
    const { client, untilIdle, until } = openClient(api);
    const declares = () => api.requests.filter(({ events }) => events.some(({ type }) => type === 'audit.loss')).length;
    api.will((events) => (events[0]?.type === 'audit.loss' && declares() < 3 ? 'record, then break' : 'answer'));
    client.logAuditEvent(login(0, { id: 1n, self: () => 0 }));
    const cyclic: Record<string, unknown> = {};
    cyclic.self = cyclic;
    client.logAuditEvent(login(1, cyclic));
    await until(() => declares() === 1);
    // Another loss meanwhile is another declaration: what may be in the log already does not change.
    client.logAuditEvent(login(2, cyclic));
    await untilIdle();
    expect(api.losses().map(({ details }) => details?.count)).toEqual([1, 1]);
    expect(accountedFor(api)).toBe(3);
  });
});

it('accounts for every event through everything at once', async () => {
  const api = await startAuditApi();
  const { client, until, untilIdle } = openClient(api, { maxQueued: 300, batchSize: 50 });
  const troubles = ['answer', { status: 500 }, 'record, then break', { status: 429 }, 'answer'] as const;
  api.will(() => troubles[api.requests.length % troubles.length] ?? 'answer');
  let produced = 0;
  for (const round of range(20)) {
    for (const index of range(60)) {
      const kind = (round * 60 + index) % 17;
      client.logAuditEvent(
        login(index, kind === 3 ? { unfit: true } : kind === 5 ? { refuse: true } : kind === 7 ? { f: range } : {}),
      );
      produced++;
    }
    const seen = api.requests.length;
    await until(() => api.requests.length > seen);
  }
  await untilIdle();
  const { sent, refused, dropped, declaredLost } = client.stats();
  expect(sent + refused + dropped).toBe(produced);
  expect(declaredLost).toBe(refused + dropped);
  expect(accountedFor(api)).toBe(produced);
  expect(dropped).toBeGreaterThan(0);
  expect(refused).toBeGreaterThan(0);
});
