import { describe, expect, it, vi } from 'vitest';
import { createPostgresDatabase } from '../support/databases.ts';
import { cursorOf, emitEvents } from '../support/emit.ts';
import { startTestService } from '../support/service.ts';
import { whereShared } from '../support/shared.ts';
import { makeDue } from '../support/tables.ts';
import { withAdministrator } from '../support/templates.ts';
import { nextEvent, subscribe, take } from './subscriber.ts';

const patient = { timeout: 25_000 };

describe('two processes on one database', () => {
  const startTwo = async () => {
    const shared = await createPostgresDatabase();
    const api = await startTestService({ databaseUrl: shared.url, env: { ROLES: 'api' } });
    await startTestService({ databaseUrl: shared.url, env: { ROLES: 'worker,audit' } });
    const listeners = () =>
      shared.sql<{ pid: number }>(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'flagtrail notifications'",
      );
    return { shared, api, listeners };
  };

  it("the one's events reach the other's subscribers: the worker's, and what its sequencer logged", async () => {
    const { shared, api } = await startTwo();
    const socket = await subscribe(api, { after: cursorOf(0) });
    await api.gql('mutation { createFlag(input: { key: "two", name: "T" }) { __typename } }');
    const scheduledAt = new Date(Date.now() + 3_600_000).toISOString();
    await api.gql(
      `mutation { createSchedule(input: { flagKey: "two", scheduledAt: "${scheduledAt}", updates: { enabled: true } }) { __typename } }`,
    );
    await makeDue(shared);
    const types = [await nextEvent(socket), await nextEvent(socket), await nextEvent(socket)].map(({ eventType }) => eventType);
    expect(types).toEqual(['flag.created', 'flag_schedule.created', 'flag_schedule.applied']);
  });

  it('they reach them at once, by notifications: by polling alone, this many round trips would take minutes', async () => {
    const { shared, api, listeners } = await startTwo();
    await vi.waitFor(async () => expect(await listeners()).toHaveLength(2), patient);
    const socket = await subscribe(api, { after: cursorOf(0) });
    for (let id = 1; id <= 80; id++) {
      await emitEvents(shared, [{}], id);
      expect(await take(socket, 1)).toEqual([id]);
    }
  });

  it('a change wakes both up when it is committed: by polling alone, this many would take a minute', async () => {
    const { api, listeners } = await startTwo();
    await vi.waitFor(async () => expect(await listeners()).toHaveLength(2), patient);
    const socket = await subscribe(api, { after: cursorOf(0) });
    for (let n = 1; n <= 100; n++) {
      await api.gql(`mutation { createFlag(input: { key: "f-${n}", name: "F" }) { __typename } }`);
      expect(await take(socket, 1)).toEqual([n]);
    }
  });

  it('they reach them by polling, while the connections that carry the wake-ups are down, which then come back', async () => {
    const { shared, api, listeners } = await startTwo();
    const socket = await subscribe(api, { after: cursorOf(0) });
    await emitEvents(shared, [{}]);
    expect(await take(socket, 1)).toEqual([1]);
    const before = await vi.waitFor(async () => {
      const found = (await listeners()).map(({ pid }) => pid);
      expect(found).toHaveLength(2);
      return found;
    }, patient);

    // No new connection is let in: neither process can listen again, and what each has open goes on.
    const allowConnections = async (allowed: boolean) =>
      withAdministrator(await whereShared('postgres'), (client) =>
        client.query(`ALTER DATABASE ${new URL(shared.url).pathname.slice(1)} ALLOW_CONNECTIONS ${allowed}`),
      );
    await allowConnections(false);
    await shared.sql('SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid', [before]);
    for (let id = 2; id <= 4; id++) {
      await emitEvents(shared, [{}], id);
      expect(await take(socket, 1)).toEqual([id]);
    }
    expect(await listeners()).toEqual([]);

    await allowConnections(true);
    await vi.waitFor(async () => expect(await listeners()).toHaveLength(2), patient);
  });
});
