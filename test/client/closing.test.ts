import { describe, expect, it } from 'vitest';
import { startAuditApi } from '../support/audit-api.ts';
import { openClient } from './manual-world.ts';

const login = { type: 'login', userId: 'user' } as const;

/** A promise, and whether it is settled: time is the test's, so it must go on while somebody waits. */
const watch = (promise: Promise<boolean>) => {
  const watched = { result: undefined as boolean | undefined };
  void promise.then((result) => {
    watched.result = result;
  });
  return watched;
};

describe('flush', () => {
  it('sends at once, and is done when what was logged before is in the log', async () => {
    const api = await startAuditApi();
    const { client, until, elapsedMs } = openClient(api, { flushIntervalMs: 60_000 });
    for (let index = 0; index < 1200; index++) client.logAuditEvent(login);
    const flushed = watch(client.flush());
    await until(() => flushed.result !== undefined);
    expect(flushed.result).toBe(true);
    expect(api.recorded()).toHaveLength(1200);
    expect(elapsedMs()).toBe(0);
  });

  it('declares losses too, and says so where nothing is left to do', async () => {
    const api = await startAuditApi();
    const { client, until } = openClient(api);
    client.logAuditEvent({ ...login, details: { toJSON: () => JSON.parse('{') } });
    const flushed = watch(client.flush());
    await until(() => flushed.result !== undefined);
    expect(flushed.result).toBe(true);
    expect(api.losses()).toHaveLength(1);
    expect(await client.flush()).toBe(true);
  });

  it('is not done while the declaration of losses is under way', async () => {
    const api = await startAuditApi();
    const { client, until, fireNext } = openClient(api, { maxQueued: 2 });
    for (let index = 0; index < 5; index++) client.logAuditEvent(login);
    api.will((events) => (events.some(({ type }) => type === 'audit.loss') ? 'hang' : 'answer'));
    await until(() => api.requests.length === 2);
    const flushed = watch(client.flush(2000));
    fireNext();
    await until(() => flushed.result !== undefined);
    expect(flushed.result).toBe(false);
  });

  it('tries again at once, though the API was down, and gives up at its deadline, but not on the events', async () => {
    const api = await startAuditApi();
    const { client, until, untilIdle, elapsedMs, lines } = openClient(api);
    await api.goDown();
    client.logAuditEvent(login);
    await until(() => elapsedMs() > 60_000);
    const flushed = watch(client.flush(3000));
    const startedMs = elapsedMs();
    await until(() => flushed.result !== undefined);
    expect(flushed.result).toBe(false);
    expect(elapsedMs() - startedMs).toBe(3000);
    expect(lines.at(-1)).toMatchObject({ level: 'warn', fields: { queued: 1 } });
    await api.comeBack();
    const again = watch(client.flush(3000));
    await until(() => again.result !== undefined);
    expect(again.result).toBe(true);
    await untilIdle();
    expect(api.recorded()).toHaveLength(1);
  });

  it.each([Number.NaN, -1, 'soon', Number.POSITIVE_INFINITY])('takes %s for a deadline without failing', async (deadlineMs) => {
    const api = await startAuditApi();
    const { client, until } = openClient(api);
    client.logAuditEvent(login);
    const flushed = watch(client.flush(deadlineMs as number));
    await until(() => flushed.result !== undefined);
    expect(flushed.result).toBe(true);
  });
});

describe('close', () => {
  it('sends what there is; what comes later is dropped, counted and reported', async () => {
    const api = await startAuditApi();
    const { client, until, lines } = openClient(api);
    client.logAuditEvent(login);
    const closed = watch(client.close());
    client.logAuditEvent(login);
    await until(() => closed.result !== undefined);
    expect(closed.result).toBe(true);
    expect(client.stats()).toEqual({ queued: 0, sent: 1, duplicates: 0, refused: 0, dropped: 1, declaredLost: 0 });
    expect(lines.map(({ message }) => message)).toEqual(['an audit event came after close() and was dropped']);
  });

  it('reports the number of those that its deadline leaves behind, and sends nothing afterwards', async () => {
    const api = await startAuditApi();
    const { client, until, lines, nextTimerMs, fireNext, isAsking } = openClient(api, { maxQueued: 5 });
    api.will('hang');
    for (let index = 0; index < 8; index++) client.logAuditEvent(login);
    const closed = watch(client.close(2000));
    await until(isAsking);
    await until(() => api.requests.length === 1);
    fireNext();
    expect(await client.close()).toBe(false);
    expect(closed.result).toBe(false);
    expect(lines.at(-1)).toMatchObject({ level: 'error', fields: { events: 5, undeclaredLosses: 3 } });
    expect(client.stats()).toMatchObject({ queued: 0, sent: 0, dropped: 8 });
    await until(() => !isAsking());
    expect(nextTimerMs()).toBe(null);
    expect(api.requests).toHaveLength(1);
  });

  it('reports losses, too, that it was about to declare: nobody knows whether the log has heard of them', async () => {
    const api = await startAuditApi();
    const { client, until, lines, fireNext, isAsking } = openClient(api, { maxQueued: 2 });
    for (let index = 0; index < 5; index++) client.logAuditEvent(login);
    // The two events are taken; the request that declares the other three hangs.
    api.will((events) => (events.some(({ type }) => type === 'audit.loss') ? 'hang' : 'answer'));
    await until(() => api.requests.length === 2);
    const closed = watch(client.close(2000));
    await until(isAsking);
    fireNext();
    await until(() => closed.result !== undefined);
    expect(closed.result).toBe(false);
    expect(client.stats()).toMatchObject({ queued: 0, sent: 2, dropped: 3, declaredLost: 0 });
    expect(lines.at(-1)).toMatchObject({ level: 'error', fields: { events: 0, undeclaredLosses: 3 } });
  });

  it('ends with the block that uses the client', async () => {
    const api = await startAuditApi();
    const { client, until } = openClient(api);
    const used = (async () => {
      await using audit = client;
      audit.auditLogout('user', 'workspace');
    })();
    const ended = watch(used.then(() => true));
    await until(() => ended.result !== undefined);
    expect(api.recorded()).toHaveLength(1);
  });

  it('has told of everything that it leaves behind: opened again, it begins anew', async () => {
    const api = await startAuditApi();
    await api.goDown();
    const { client, configure, until } = openClient(api, { maxQueued: 5 });
    for (let index = 0; index < 8; index++) client.logAuditEvent(login);
    const closed = watch(client.close(2000));
    await until(() => closed.result !== undefined);
    await api.comeBack();
    configure();
    client.logAuditEvent(login);
    const flushed = watch(client.flush(2000));
    await until(() => flushed.result !== undefined);
    expect(api.recorded().map(({ type }) => type)).toEqual(['login']);
  });

  it('is open again when it is configured again', async () => {
    const api = await startAuditApi();
    const { client, configure, until, untilIdle } = openClient(api);
    const closed = watch(client.close());
    await until(() => closed.result !== undefined);
    configure();
    client.logAuditEvent(login);
    await untilIdle();
    expect(api.recorded()).toHaveLength(1);
  });
});
