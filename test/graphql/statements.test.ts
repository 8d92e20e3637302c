import { expect, it } from 'vitest';
import { createPostgresDatabase } from '../support/databases.ts';
import { startTestService } from '../support/service.ts';
import { startPostgresProxy } from './postgres-proxy.ts';

it('a list takes as many statements for 50 schedules as for 5, with their flags, states, what those come to, their retries, conflicts and warnings', async () => {
  const database = await createPostgresDatabase();
  const proxy = await startPostgresProxy(database.url);
  // The API alone: the worker and the pipeline have statements of their own.
  const service = await startTestService({ databaseUrl: proxy.url, env: { ROLES: 'api' } });
  const flags = Array.from({ length: 10 }, (_, i) => `f${i}: createFlag(input: { key: "f${i}", name: "F" }) { __typename }`);
  await service.gql(`mutation { ${flags.join(' ')} }`);
  for (let batch = 0; batch < 5; batch++) {
    const schedules = Array.from({ length: 10 }, (_, i) => {
      const scheduledAt = new Date(Date.now() + 3_600_000 + (batch * 10 + i) * 60_000).toISOString();
      return `s${i}: createSchedule(input: { flagKey: "f${i}", scheduledAt: "${scheduledAt}", updates: { enabled: true } }) { ... on Schedule { id } }`;
    });
    await service.gql(`mutation { ${schedules.join(' ')} }`);
  }
  const read = (first: number) =>
    service.gql<{ schedules: { edges: { node: { conflicts: object[] } }[] } }>(
      `query ($first: Int!) { schedules(first: $first) { totalCount edges { node {
        id flag { key state { enabled } states { environment enabled effective { reason } upcomingRetries { id } } } conflicts { id flag { key state { enabled } } } warnings { code } } } } }`,
      { first },
    );
  const { data } = await read(50);
  expect(data?.schedules.edges).toHaveLength(50);
  expect(data?.schedules.edges.flatMap(({ node }) => node.conflicts)).toHaveLength(10 * 5 * 4);

  const list = (first: number) =>
    service.gql(
      `query ($first: Int!) {
        flags(first: $first) { edges { node { createdByActor { name } states { id flagKey flag { key } } state { flag { key } } } } }
        schedules(first: $first) { edges { node { createdByActor { name } cancelledByActor { name } } } } }`,
      { first },
    );
  const [fewer, more] = [await proxy.count(() => list(2)), await proxy.count(() => list(10))];
  expect(more).toBe(fewer);
  // Two pages, the states, and who created either.
  expect(more).toBeLessThanOrEqual(5);

  const [few, many] = [await proxy.count(() => read(5)), await proxy.count(() => read(50))];
  expect(many).toBe(few);
  // The page, its count, flags, states, environments, their flags and retries, conflicts, and the conflicts' flags and states.
  expect(many).toBeLessThanOrEqual(11);
  expect(many).toBeGreaterThanOrEqual(5);
});
