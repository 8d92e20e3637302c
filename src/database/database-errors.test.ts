import { expect, it } from 'vitest';
import { createPostgresDatabase } from '../../test/support/databases.ts';
import { openPostgres } from './database.ts';
import { toUnavailable } from './database-errors.ts';

/** A database of one connection, whose statements may take 200 ms, and what it says of failures. */
const aDatabase = async () => {
  const server = await createPostgresDatabase();
  const { prisma, close } = openPostgres(server.url, { maxConnections: 1, statementTimeoutMs: 200, onError: () => {} });
  return { prisma, close };
};
const failureOf = (work: Promise<unknown>) => work.then(() => expect.unreachable('it succeeded'), toUnavailable);

it('a database that is slow, locked or refuses is not out of reach; one that cuts us off, or lends no connection, is', async () => {
  const { prisma, close } = await aDatabase();
  expect(await failureOf(prisma.$queryRaw`SELECT pg_sleep(5)::text`), 'a statement that takes too long').toBeNull();
  expect(await failureOf(prisma.$queryRaw`SELECT 1 / 0`), 'a statement that fails').toBeNull();
  const insert = prisma.$executeRaw`INSERT INTO environments (key, name) VALUES ('production', 'again')`;
  expect(await failureOf(insert), 'a constraint').toBeNull();

  const expired = prisma.$transaction(
    async (tx) => {
      await tx.$queryRaw`SELECT pg_sleep(0.1)::text`;
      await tx.$queryRaw`SELECT 1`;
    },
    { timeout: 20 },
  );
  expect(await failureOf(expired), 'a transaction that took too long').toBeNull();

  const held = Promise.withResolvers<void>();
  const holding = prisma.$transaction(async (tx) => {
    await tx.$queryRaw`SELECT 1`;
    await held.promise;
  });
  const waiting = prisma.$transaction(async (tx) => tx.$queryRaw`SELECT 1`, { maxWait: 50 });
  expect(await failureOf(waiting), 'no connection in time').not.toBeNull();
  held.resolve();
  await holding;

  const cutOff = prisma.$queryRaw`SELECT pg_terminate_backend(pg_backend_pid())`;
  expect(await failureOf(cutOff), 'a connection that the server ends').not.toBeNull();

  const stoodStill = prisma.$transaction(async (tx) => {
    await tx.$executeRaw`SET LOCAL idle_in_transaction_session_timeout = 20`;
    // Nothing is heard meanwhile, as in a process that is paused.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
    await tx.$queryRaw`SELECT 1`;
  });
  expect(await failureOf(stoodStill), 'a transaction that rested for too long').not.toBeNull();
  await close();
});
