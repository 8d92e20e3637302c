import { expect, it } from 'vitest';
import { makeScheduleStore } from '../../src/schedules/store/schedule-store.ts';
import { createPostgresDatabase, openBeside } from '../support/databases.ts';
import { anAdmin, makeSpine, minutesFrom } from '../support/spine.ts';
import { makeDue } from '../support/tables.ts';

it('keeps instants and isolation as they are meant, whatever the database’s own defaults', async () => {
  const { sql, url } = await createPostgresDatabase();
  const name = new URL(url).pathname.slice(1);
  await sql(`ALTER DATABASE ${name} SET timezone = 'America/New_York'`);
  await sql(`ALTER DATABASE ${name} SET default_transaction_isolation = 'repeatable read'`);
  // The settings hold for new connections.
  const database = await openBeside(url);
  const [isolation] = await database.prisma.$queryRaw<unknown[]>`SHOW transaction_isolation`;
  expect(isolation).toEqual({ transaction_isolation: 'read committed' });
  const spine = await makeSpine(database);
  await spine.createFlag(anAdmin(), { key: 'f', name: 'f' });
  const scheduledAt = minutesFrom(new Date(), 60);
  const input = { flagKey: 'f', environment: 'production', scheduledAt, updates: { enabled: true }, idempotencyKey: 'k' };
  const ids = await Promise.all(Array.from({ length: 5 }, async () => (await spine.createSchedule(anAdmin(), input)).id));
  expect(new Set(ids).size).toBe(1);
  const id = ids[0] ?? '';

  const epochOf = async (column: string) =>
    (await sql<{ ms: number }>(`SELECT (extract(epoch FROM ${column}) * 1000)::bigint AS ms FROM feature_flag_schedules`))[0]?.ms;
  expect(await epochOf('scheduled_at')).toBe(scheduledAt.getTime());
  expect((await makeScheduleStore(database.prisma).find(id))?.scheduledAt).toEqual(scheduledAt);
  expect((await makeScheduleStore(database.prisma).backlog()).due).toBe(0);
  await makeDue({ sql }, { ago: '1 minute' });
  const { applied, now } = await spine.applyDue();
  expect(applied).toHaveLength(1);
  expect(await epochOf('applied_at')).toBe(now.getTime());
  expect(Math.abs(now.getTime() - Date.now())).toBeLessThan(60_000);
});

it('keeps no plans of statements that are long, and of no more than a thousand others', async () => {
  const { url } = await createPostgresDatabase();
  const { prisma } = await openBeside(url, 1);
  const list = (length: number) => Array.from({ length }, (_, n) => n);
  const ids = (length: number) => list(length).map(() => '00000000-0000-7000-8000-000000000000');
  await prisma.flag.count({ where: { id: { in: ids(3) } } });
  await prisma.flag.count({ where: { id: { in: ids(2000) } } });
  for (const n of list(1100)) await prisma.$queryRawUnsafe(`SELECT ${n} AS n`);
  const [kept] = await prisma.$queryRaw<unknown[]>`
    SELECT count(*)::int AS statements, max(length(statement))::int < 5000 AS "areShort",
      count(*) FILTER (WHERE statement LIKE '%feature_flags%')::int AS "ofFlags" FROM pg_prepared_statements`;
  expect(kept).toEqual({ statements: expect.any(Number), areShort: true, ofFlags: 1 });
  expect((kept as { statements: number }).statements).toBeLessThanOrEqual(1000);
});
