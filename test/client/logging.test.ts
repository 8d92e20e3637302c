import { afterEach, describe, expect, it, vi } from 'vitest';
import { createAuditClient } from '../../src/client/main.ts';
import { startAuditApi } from '../support/audit-api.ts';
import { openClient } from './manual-world.ts';

const login = { type: 'login', userId: 'user' } as const;
const token = 'eyJhbGciOi.J-_~+/secret==';
const unauthenticated = (message: string) => ({
  status: 401,
  body: { errors: [{ message, extensions: { code: 'UNAUTHENTICATED' } }] },
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe('log lines', () => {
  it('never hold the token, even where the API says it, or somebody throws it', async () => {
    const api = await startAuditApi();
    const { client, untilIdle, lines } = openClient(api, { token: () => token, batchSize: 1 });
    const answers = [
      unauthenticated(`${'x'.repeat(490)} ${token} is not known`),
      { status: 400, body: { errors: [{ message: `bad: ${token}`, extensions: { code: 'BAD_USER_INPUT' } }] } },
    ];
    api.will(() => answers[api.requests.length - 1] ?? 'answer');
    client.logAuditEvent(login);
    await untilIdle();
    client.logAuditEvent({
      ...login,
      details: {
        toJSON: () => {
          throw new Error(token);
        },
      },
    });
    await untilIdle();
    expect(lines.length).toBeGreaterThanOrEqual(4);
    expect(JSON.stringify(lines)).toContain('[token]');
    expect(JSON.stringify(lines)).not.toContain('J-_~+');
  });

  it('are not as long as what the API says', async () => {
    const api = await startAuditApi();
    const { client, untilIdle, lines } = openClient(api);
    api.will(() => (api.requests.length === 1 ? unauthenticated('x'.repeat(100_000)) : 'answer'));
    client.logAuditEvent(login);
    await untilIdle();
    expect(lines[0]?.fields.why).toHaveLength(500);
  });

  it('do not hold what is no token either', async () => {
    const api = await startAuditApi();
    const { client, untilIdle, lines } = openClient(api, { token: () => (lines.length < 1 ? `${token}\nx` : token) });
    client.logAuditEvent(login);
    await untilIdle();
    expect(lines[0]?.fields).toMatchObject({ why: 'token() failed, or returned no token' });
    expect(JSON.stringify(lines)).not.toContain('J-_~+');
  });

  it('come once a minute for a burst, with the number of those left out', async () => {
    const api = await startAuditApi();
    const { client, until, elapsedMs, lines } = openClient(api, { maxQueued: 10 });
    await api.goDown();
    const full = () => lines.filter(({ message }) => message.startsWith('the queue of audit events is full'));
    for (let index = 0; index < 1000; index++) client.logAuditEvent(login);
    expect(full()).toHaveLength(1);
    await until(() => elapsedMs() > 60_000);
    client.logAuditEvent(login);
    expect(full().map(({ fields }) => fields.suppressed)).toEqual([undefined, 989]);
  });

  it('come once for each kind of mistake, and say what is wrong and what is allowed', async () => {
    const api = await startAuditApi();
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    const { client, untilIdle } = openClient(api, { logger: undefined });
    for (let time = 1; time <= 3; time++) {
      client.logAuditEvent({ action: 'logn', userId: `user-${time}` } as never);
      client.logAuditEvent({ type: 'login', userId: {} } as never);
      client.logAuditEvent({ action: 'login', userId: 'user' });
    }
    await untilIdle();
    expect(warn.mock.calls.map(([line]) => line)).toEqual([
      expect.stringMatching(
        /action 'logn' does not stand for it: one of them must be one of login, logout, data_export_requested/,
      ),
      expect.stringMatching(/userId is an object: it must be text/),
      expect.stringContaining('audit events were lost; the log says so'),
    ]);
    expect(client.stats()).toMatchObject({ sent: 3, refused: 0, dropped: 6, declaredLost: 6 });
    expect(api.losses()).toMatchObject([{ details: { count: 6, reason: 'client_event_unwritable' } }]);
  });

  it('that the logger throws at are no business of the caller', async () => {
    const api = await startAuditApi();
    const warn = vi.fn(() => {
      throw new Error('a broken logger');
    });
    const { client, untilIdle } = openClient(api, { logger: { warn, error: warn } });
    client.logAuditEvent(null as never);
    client.logAuditEvent({ ...login, details: { refuse: true } });
    await untilIdle();
    expect(warn.mock.calls.length).toBeGreaterThanOrEqual(2);
    expect(api.losses()).toHaveLength(2);
  });

  it('do not let what the API says take over a terminal that the console writes to', async () => {
    const api = await startAuditApi();
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    const { client, untilIdle } = openClient(api, { logger: undefined });
    api.will(() => (api.requests.length === 1 ? unauthenticated('\u009b31m\u202Eevil') : 'answer'));
    client.logAuditEvent(login);
    await untilIdle();
    expect(warn.mock.calls.flat().join()).toContain('\\u009b31m\\u202eevil');
  });

  it('are text on the console where there is no logger', async () => {
    const api = await startAuditApi();
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    const error = vi.spyOn(console, 'error').mockImplementation(() => {});
    api.will(unauthenticated('no'));
    const client = createAuditClient({ url: api.url, token, flushIntervalMs: 0 });
    client.logAuditEvent(login);
    await vi.waitFor(() => expect(warn).toHaveBeenCalled(), { timeout: 20_000 });
    await client.close(0);
    expect(warn.mock.calls[0]?.[0]).toMatch(
      /^flagtrail: the audit API does not accept the token: the events are sent again \{"why":"UNAUTHENTICATED: no"/,
    );
    expect(error.mock.calls).toEqual([[expect.stringMatching(/^flagtrail: close\(\) gave up audit events .*"events":1/)]]);
  });
});
