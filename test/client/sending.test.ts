import { describe, expect, it } from 'vitest';
import { badUserInput, startAuditApi, validationError } from '../support/audit-api.ts';
import { openClient } from './manual-world.ts';

const login = (index: number, details?: object) => ({ type: 'login', userId: `user-${index}`, details }) as const;
const range = (count: number) => Array.from({ length: count }, (_, index) => index);

describe('sending', () => {
  it('sends what the shortcuts record, under the names of the log', async () => {
    const api = await startAuditApi();
    const { client, untilIdle } = openClient(api);
    // Taken out of their object, as applications do.
    const { auditLogin, auditLogout, auditDataExport, auditDataDeletion, auditSettingsChange } = client;
    auditLogin('u', 'w', '192.0.2.1');
    auditLogout('u', 'w');
    auditDataExport('u', 'w');
    auditDataDeletion('u', null);
    auditSettingsChange('u', 'w', 'theme', 'light', { name: 'dark' });
    await untilIdle();
    const occurredAt = '2026-03-01T09:00:00.000Z';
    const id = expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    expect(api.recorded()).toEqual([
      { id, occurredAt, type: 'auth.login', action: 'login', userId: 'u', workspaceId: 'w', ipAddress: '192.0.2.1' },
      { id, occurredAt, type: 'auth.logout', action: 'logout', userId: 'u', workspaceId: 'w' },
      { id, occurredAt, type: 'data_export.requested', action: 'export', userId: 'u', workspaceId: 'w' },
      { id, occurredAt, type: 'data_delete.requested', action: 'delete', userId: 'u' },
      {
        ...{ id, occurredAt, type: 'settings.changed', action: 'update', userId: 'u', workspaceId: 'w' },
        ...{ resource: 'setting', resourceId: 'theme', previousValue: 'light', newValue: { name: 'dark' } },
      },
    ]);
    expect(client.stats()).toEqual({ queued: 0, sent: 5, duplicates: 0, refused: 0, dropped: 0, declaredLost: 0 });
  });

  it('sends one request at a time, in the order of the calls, at most batchSize events in each', async () => {
    const api = await startAuditApi();
    const { client, untilIdle } = openClient(api, { batchSize: 40 });
    for (const index of range(100)) client.logAuditEvent(login(index));
    await untilIdle();
    expect(api.requests.map(({ events }) => events.length)).toEqual([40, 40, 20]);
    expect(api.mostUnderWay()).toBe(1);
    expect(api.recorded().map(({ userId }) => userId)).toEqual(range(100).map((index) => `user-${index}`));
  });

  it('waits for flushIntervalMs with what does not fill a request, and not at all with what does', async () => {
    const api = await startAuditApi();
    const { client, nextTimerMs, untilIdle } = openClient(api, { batchSize: 3, flushIntervalMs: 700 });
    client.logAuditEvent(login(0));
    expect(nextTimerMs()).toBe(700);
    client.logAuditEvent(login(1));
    client.logAuditEvent(login(2));
    expect(nextTimerMs()).toBe(0);
    await untilIdle();
    expect(api.requests).toHaveLength(1);
  });

  it('keeps requests under 1 MiB, counted in bytes', async () => {
    const api = await startAuditApi();
    const { client, untilIdle } = openClient(api);
    for (const index of range(30)) client.logAuditEvent(login(index, { text: 'é'.repeat(50_000) }));
    client.logAuditEvent(login(30, { text: '€'.repeat(330_000) }));
    await untilIdle();
    expect(Math.max(...api.requests.map(({ bytes }) => bytes))).toBeLessThanOrEqual(1_000_000);
    expect(client.stats()).toMatchObject({ sent: 31, dropped: 0 });
    expect(api.requests).toHaveLength(5);
  });

  it('takes no more text than maxQueuedChars, however few the events', async () => {
    const api = await startAuditApi();
    const { client, untilIdle } = openClient(api, { maxQueuedChars: 1_000_000 });
    for (const index of range(5)) client.logAuditEvent(login(index, { text: 'x'.repeat(300_000) }));
    expect(client.stats()).toMatchObject({ queued: 3, dropped: 2 });
    await untilIdle();
    // What was sent makes room again.
    client.logAuditEvent(login(5, { text: 'x'.repeat(300_000) }));
    await untilIdle();
    expect(client.stats()).toMatchObject({ sent: 4, dropped: 2 });
  });

  it('asks for a token before each request, and tries again where there is none', async () => {
    const api = await startAuditApi();
    const tokens = ['first', new Error('no'), 'not\na token', 'second'];
    const token = async () => {
      const next = tokens.shift();
      if (next instanceof Error) throw next;
      return next ?? 'last';
    };
    const { client, untilIdle, lines } = openClient(api, { token, batchSize: 1 });
    client.logAuditEvent(login(0));
    client.logAuditEvent(login(1));
    await untilIdle();
    expect(api.requests.map(({ authorization }) => authorization)).toEqual(['Bearer first', 'Bearer second']);
    expect(lines[0]?.fields).toMatchObject({ why: 'token() failed, or returned no token' });
  });
});

describe('refusals', () => {
  it('counts and reports what the API refuses by itself, and declares it in the log', async () => {
    const api = await startAuditApi();
    const { client, untilIdle, lines } = openClient(api);
    for (const index of range(10)) client.logAuditEvent(login(index, { refuse: index % 5 === 0 }));
    await untilIdle();
    expect(client.stats()).toEqual({ queued: 0, sent: 8, duplicates: 0, refused: 2, dropped: 0, declaredLost: 2 });
    expect(api.losses().map(({ details }) => details)).toEqual([
      {
        count: 2,
        reason: 'client_event_refused',
        since: '2026-03-01T09:00:00.000Z',
        until: '2026-03-01T09:00:00.000Z',
      },
    ]);
    expect(lines.filter(({ message }) => message === 'the audit API refused events').map(({ fields }) => fields)).toEqual([
      { refused: 2, eventId: expect.any(String), eventType: 'login', issues: [{ path: ['details'], message: 'as asked' }] },
    ]);
  });

  it('finds the events for which a whole batch is refused, and loses no other', async () => {
    const api = await startAuditApi();
    const { client, untilIdle } = openClient(api);
    const unfit = [0, 7, 8, 99];
    for (const index of range(100)) client.logAuditEvent(login(index, { unfit: unfit.includes(index) }));
    await untilIdle();
    expect(client.stats()).toMatchObject({ sent: 96, refused: 4, declaredLost: 4 });
    const fit = range(100).filter((index) => !unfit.includes(index));
    expect(api.recorded().flatMap(({ userId }) => userId ?? [])).toEqual(fit.map((index) => `user-${index}`));
  });

  it.each([
    ['BAD_USER_INPUT with status 200', { ...badUserInput, status: 200 }],
    ['a ValidationError', { status: 200, body: validationError }],
    ['a body that is too large for a proxy', { status: 413 }],
  ])('splits a batch for %s', async (_, reply) => {
    const api = await startAuditApi();
    const { client, untilIdle } = openClient(api);
    api.will((events) => (events.length > 1 && events.some(({ userId }) => userId === 'user-2') ? reply : 'answer'));
    for (const index of range(4)) client.logAuditEvent(login(index));
    await untilIdle();
    expect(client.stats()).toMatchObject({ sent: 4, refused: 0 });
    expect(api.requests.map(({ events }) => events.length)).toEqual([4, 2, 2, 1, 1]);
  });

  it('reads the results by their ids, of which an application may give one twice', async () => {
    const api = await startAuditApi();
    const { client, untilIdle, lines } = openClient(api);
    const id = '0197a5e0-0000-7000-8000-000000000001';
    const results = (events: readonly { id: string; details?: object }[]) =>
      events.map((event) => ({ id: event.id, status: event.details ? 'REFUSED' : 'RECORDED', issues: [] })).toReversed();
    api.will((events) => {
      if (events[0]?.type === 'audit.loss') return 'answer';
      return { status: 200, body: { data: { recordAuditEvents: { results: results(events) } } } };
    });
    client.logAuditEvent({ ...login(0, {}), id: 'refused' as string });
    for (const index of range(2)) client.logAuditEvent({ ...login(index), id });
    client.logAuditEvent(login(3));
    await untilIdle();
    expect(client.stats()).toMatchObject({ sent: 3, refused: 1 });
    expect(lines[0]?.fields).toMatchObject({ refused: 1, eventId: 'refused' });
  });

  it('says of a batch full of refusals one thing, and not at length', async () => {
    const api = await startAuditApi();
    const { client, untilIdle, lines } = openClient(api, { batchSize: 100 });
    const issues = range(50).map((index) => ({ path: ['details'], message: `wrong ${index}` }));
    api.will((events) => {
      if (events.some(({ type }) => type === 'audit.loss')) return 'answer';
      const results = events.map(({ id }) => ({ id, status: 'REFUSED', issues }));
      return { status: 200, body: { data: { recordAuditEvents: { results } } } };
    });
    for (const index of range(200)) client.logAuditEvent(login(index));
    await untilIdle();
    const said = lines.filter(({ message }) => message === 'the audit API refused events');
    expect(said.map(({ fields }) => fields)).toMatchObject([{ refused: 100, issues: issues.slice(0, 5) }]);
    expect(said[0]?.fields.issues).toHaveLength(5);
  });

  it('slows down where one event after the other is refused', async () => {
    const api = await startAuditApi();
    const { client, until, elapsedMs } = openClient(api, { batchSize: 1 });
    api.will(() => (api.requests.length > 6 ? 'answer' : badUserInput));
    const triedAtMs: number[] = [];
    for (const index of range(8)) client.logAuditEvent(login(index));
    await until(() => {
      if (api.requests.length > triedAtMs.length) triedAtMs.push(elapsedMs());
      return triedAtMs.length === 8;
    });
    expect(triedAtMs.slice(1).map((at, index) => at - (triedAtMs[index] ?? 0))).toEqual([0, 0, 375, 750, 1500, 3000, 0]);
  });

  it('gives nothing up where the API does not know the mutation yet', async () => {
    const api = await startAuditApi();
    const { client, untilIdle } = openClient(api);
    const errors = [{ message: 'Cannot query field', extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }];
    api.will(() => (api.requests.length < 5 ? { status: 400, body: { errors } } : 'answer'));
    for (const index of range(3)) client.logAuditEvent(login(index));
    await untilIdle();
    expect(client.stats()).toMatchObject({ sent: 3, refused: 0 });
  });

  it('goes on where the API refuses to hear of losses, and tells it again later', async () => {
    const api = await startAuditApi();
    const { client, until, untilIdle, elapsedMs } = openClient(api);
    api.will((events) => (events.some(({ type }) => type === 'audit.loss') && elapsedMs() < 300_000 ? badUserInput : 'answer'));
    client.logAuditEvent(login(0, { unfit: true }));
    client.logAuditEvent(login(1));
    await until(() => client.stats().sent === 1 && api.requests.some(({ events }) => events[0]?.type === 'audit.loss'));
    client.logAuditEvent(login(2));
    await until(() => client.stats().sent === 2);
    expect(elapsedMs()).toBeLessThan(60_000);
    await untilIdle();
    expect(api.losses().map(({ details }) => details?.count)).toEqual([1]);
    const told = api.requests.flatMap(({ events }) => events.filter(({ type }) => type === 'audit.loss').map(({ id }) => id));
    // The same event each time, and a minute apart.
    expect(new Set(told).size).toBe(1);
    expect(told.length).toBeLessThanOrEqual(7);
  });
});
