import { expect, it } from 'vitest';
import { createPostgresDatabase } from '../support/databases.ts';
import { startFaultyProxy } from '../support/faulty-proxy.ts';
import { json, request } from '../support/raw-http.ts';
import { temporaryFolder } from '../support/service.ts';
import { startServiceProcess } from '../support/service-process.ts';
import { countEvents, readEventsOfType } from '../support/tables.ts';
import { mintTestToken, testAuthentication } from '../support/tokens.ts';

/** Ten seconds from the signal on, and one for a busy machine. */
const ended = (exited: Promise<unknown>) =>
  Promise.race([exited, new Promise((resolve) => setTimeout(resolve, 11_000, 'still there').unref())]);

const askTenTimes = (url: string) =>
  Promise.all(
    Array.from({ length: 10 }, async () =>
      request(
        `${url}/graphql`,
        json({ query: '{ environments { key } }' }, { authorization: `Bearer ${await mintTestToken()}` }),
      ).catch(() => null),
    ),
  );

// A process of the API alone ends below.
it.each(['worker', 'audit', 'api,worker,audit'])(
  'a process with the roles %s ends within 10 s of the signal while the database is silent, whatever it waits for',
  { timeout: 60_000 },
  async (roles) => {
    const database = await createPostgresDatabase();
    const proxy = await startFaultyProxy(database.url);
    const service = await startServiceProcess({ DATABASE_URL: proxy.url, ROLES: roles, ...testAuthentication });
    proxy.goSilent();
    const underWay = askTenTimes(service.url);
    // Statements are under way that get no answer.
    await expect.poll(proxy.swallowed, { timeout: 10_000 }).toBeGreaterThan(2);
    service.child.kill('SIGTERM');
    expect(await ended(service.exited)).toBe(0);
    await underWay;
  },
);

it('an API ends within 10 s of the signal while the database is silent; an event in its memory is in the log after the next start', {
  timeout: 60_000,
}, async () => {
  const database = await createPostgresDatabase();
  const proxy = await startFaultyProxy(database.url);
  const settings = { DATA_DIR: temporaryFolder(), ...testAuthentication };
  const first = await startServiceProcess({ DATABASE_URL: proxy.url, ROLES: 'api', ...settings });
  proxy.goSilent();
  const stranger = await mintTestToken({ groups: [] });
  const answer = await request(
    `${first.url}/graphql`,
    json({ query: '{ flags { totalCount } }' }, { authorization: `Bearer ${stranger}` }),
  );
  expect(answer).toMatchObject({ status: 403 });
  const underWay = askTenTimes(first.url);
  await expect.poll(proxy.swallowed, { timeout: 10_000 }).toBeGreaterThan(2);
  first.child.kill('SIGTERM');
  expect(await ended(first.exited)).toBe(0);
  await underWay;
  expect(await countEvents(database)).toBe(0);

  await startServiceProcess({ DATABASE_URL: database.url, ...settings });
  await expect.poll(() => readEventsOfType(database, 'access.denied'), { timeout: 10_000 }).toMatchObject([{ result: 'DENIED' }]);
});
