import { beforeAll, expect, it } from 'vitest';
import { startMigratedServer } from '../support/migrated-server.ts';
import { json, request } from '../support/raw-http.ts';
import { startServiceProcess } from '../support/service-process.ts';
import { mintTestToken, testAuthentication } from '../support/tokens.ts';

const atOnce = 40;
const restarts = 6;

let server: Awaited<ReturnType<typeof startMigratedServer>>;
beforeAll(async () => {
  server = await startMigratedServer();
});

it(`a process outlives ${restarts} fast restarts of PostgreSQL under ${atOnce} requests at a time, and serves after each`, {
  timeout: 120_000,
}, async () => {
  const service = await startServiceProcess({
    DATABASE_URL: server.url,
    DATABASE_CONNECTIONS: '40',
    LOG_LEVEL: 'info',
    ...testAuthentication,
  });
  const authorization = `Bearer ${await mintTestToken()}`;
  let flags = 0;
  let served = 0;
  const operations = [
    () => ({ query: '{ flags { totalCount edges { node { key states { enabled } } } } }' }),
    () => ({ query: `mutation { createFlag(input: { key: "flag-${++flags}", name: "F" }) { __typename } }` }),
    () => ({ query: '{ auditEvents(first: 5) { totalCount edges { node { id } } } }' }),
  ];
  let isOver = false;
  const callers = Array.from({ length: atOnce }, async (_, caller) => {
    for (let turn = caller; !isOver; turn++) {
      const operation = operations[turn % operations.length]?.() ?? { query: '' };
      const answer = await request(`${service.url}/graphql`, json(operation, { authorization })).catch(() => null);
      if (answer?.status === 200) served++;
    }
  });
  for (let restart = 0; restart < restarts; restart++) {
    const before = served;
    await expect.poll(() => served, { timeout: 20_000, interval: 20 }).toBeGreaterThan(before + atOnce);
    await server.stop({ keepData: true });
    await server.restart();
  }
  const before = served;
  await expect.poll(() => served, { timeout: 20_000, interval: 20 }).toBeGreaterThan(before + atOnce);
  isOver = true;
  await Promise.all(callers);
  expect(service.child.exitCode).toBeNull();
  expect(service.stderr()).toBe('');
});
