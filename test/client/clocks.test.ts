import { describe, expect, it } from 'vitest';
import { badUserInput, startAuditApi } from '../support/audit-api.ts';
import { openClient } from './manual-world.ts';

const dayMs = 86_400_000;
const login = { type: 'login', userId: 'user' } as const;
const unwritable = { ...login, details: { toJSON: () => JSON.parse('{') } };

describe('a clock that is a day ahead of the service', () => {
  const open = async () => {
    const api = await startAuditApi();
    const opened = openClient(api);
    const serviceNow = () => opened.world.now() - dayMs;
    api.keepTime(serviceNow);
    return { api, serviceNow, ...opened };
  };

  it.each(['each event', 'the whole batch'])('loses nothing where %s is refused for it', async (refused) => {
    const { api, client, untilIdle, serviceNow, world } = await open();
    const isTooNew = ({ occurredAt }: { occurredAt: string }) => Date.parse(occurredAt) > serviceNow() + 300_000;
    if (refused === 'the whole batch') api.will((events) => (events.some(isTooNew) ? badUserInput : 'answer'));
    const past = new Date(world.now() - 2 * dayMs).toISOString();
    client.logAuditEvent({ ...login, details: { text: '"occurredAt":"2026-03-01T09:00:00.000Z"' } });
    client.logAuditEvent({ ...login, occurredAt: past });
    await untilIdle();
    client.logAuditEvent(login);
    await untilIdle();
    expect(client.stats()).toMatchObject({ sent: 3, refused: 0 });
    const clamped = expect.stringMatching(/^2026-02-28T09:00:0[0-3]/);
    expect(
      api
        .recorded()
        .map(({ occurredAt }) => occurredAt)
        .toSorted(),
    ).toEqual([past, clamped, clamped]);
    expect(api.recorded()[0]?.details ?? api.recorded()[1]?.details).toEqual({ text: '"occurredAt":"2026-03-01T09:00:00.000Z"' });
    // Once it has learnt the time, it is right at once.
    expect(api.requests.map(({ events }) => events.length)).toEqual([2, 2, 1]);
  });

  it('gives up what is refused for another reason', async () => {
    const { api, client, untilIdle } = await open();
    client.logAuditEvent({ ...login, details: { refuse: true } });
    await untilIdle();
    expect(client.stats()).toMatchObject({ sent: 0, refused: 1 });
    expect(api.requests.length).toBeLessThanOrEqual(3);
  });

  it('declares losses at once, and ends a flush', async () => {
    const { api, client, until, elapsedMs } = await open();
    client.logAuditEvent(unwritable);
    let flushed: boolean | undefined;
    void client.flush().then((done) => {
      flushed = done;
    });
    await until(() => flushed !== undefined);
    expect(flushed).toBe(true);
    expect(elapsedMs()).toBe(0);
    expect(api.losses()).toEqual([
      {
        ...{ id: expect.any(String), type: 'audit.loss' },
        details: {
          count: 1,
          reason: 'client_event_unwritable',
          since: '2026-02-28T09:00:00.000Z',
          until: '2026-02-28T09:00:00.000Z',
        },
      },
    ]);
  });
});

it('a clock that is not set, in 1970, loses nothing', async () => {
  const api = await startAuditApi();
  api.keepTime(() => Date.parse('2026-03-01T09:00:00Z'));
  const { client, untilIdle } = openClient(api, {}, '1970-01-01T00:00:07Z');
  client.logAuditEvent(login);
  client.logAuditEvent(unwritable);
  await untilIdle();
  expect(client.stats()).toMatchObject({ sent: 1, refused: 0, declaredLost: 1 });
  expect(api.recorded().find(({ type }) => type === 'login')?.occurredAt).toMatch(/^2026-03-01T09:00/);
});

it('a clock that is off by less than a minute counts as right, and so does what the application says itself', async () => {
  const api = await startAuditApi();
  const { client, untilIdle, world } = openClient(api);
  api.keepTime(() => world.now() - 59_000);
  const occurredAt = '2026-03-01T09:02:00.000Z';
  for (const _ of [1, 2]) {
    client.logAuditEvent({ ...login, occurredAt });
    await untilIdle();
  }
  expect(api.recorded().map((event) => event.occurredAt)).toEqual([occurredAt, occurredAt]);
  const lostAt = new Date(world.now()).toISOString();
  client.logAuditEvent(unwritable);
  await untilIdle();
  expect(api.losses()[0]?.details).toMatchObject({ since: lostAt, until: lostAt });
});
