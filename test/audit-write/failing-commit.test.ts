import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { openDatabases } from '../../src/database/open-database.ts';
import { atTestEnd } from '../support/at-test-end.ts';
import { breakages, breakEmit } from '../support/breakages.ts';
import { createPostgresDatabase, type Row, type TestDatabase } from '../support/databases.ts';
import { dataDirectory } from '../support/service.ts';
import { anAdmin, makeSpine, minutesFrom, type Spine } from '../support/spine.ts';
import { readLog } from '../support/tables.ts';

/** The embedded database as the service itself opens it. */
const openEmbedded = async (): Promise<TestDatabase> => {
  const place = { databaseUrl: null, databaseConnections: 1, dataDir: await dataDirectory() };
  const { commands: database, close } = await openDatabases(place, { pools: 'one', schema: 'migrated' });
  atTestEnd(close);
  return {
    kind: 'pglite',
    ownerUrl: null,
    url: null,
    database,
    sql: <T = Row>(query: string, params: readonly unknown[] = []) => database.prisma.$queryRawUnsafe<T[]>(query, ...params),
    [Symbol.asyncDispose]: async () => {},
  };
};

/** Fails at the very commit of a transaction that adds a schedule: all it did is done by then. */
const refuseCommits = `
  CREATE FUNCTION refuse_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'commit refused'; END $$;
  CREATE CONSTRAINT TRIGGER refuse_commit AFTER INSERT ON feature_flag_schedules DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION refuse_commit()`;

describe.each([
  { kind: 'pglite', open: openEmbedded },
  { kind: 'postgres', open: createPostgresDatabase },
])('a commit that fails, on $kind,', ({ open }) => {
  let db: TestDatabase;
  let spine: Spine;
  beforeAll(async () => {
    db = await open();
    spine = await makeSpine(db.database);
    await spine.createFlag(anAdmin(), { key: 'checkout', name: 'checkout' });
  });
  const schedule = () =>
    spine.createSchedule(anAdmin(), {
      flagKey: 'checkout',
      environment: 'production',
      scheduledAt: minutesFrom(new Date(), 60),
      updates: { enabled: true },
    });
  const catchUp = async () => {
    await spine.replay();
    await spine.sequence();
  };

  it.each([
    { title: 'works', spooled: 0, breakage: undefined },
    {
      title: 'is broken, so that the event was spooled',
      spooled: 1,
      breakage: breakages.find(({ title }) => title === 'returns null'),
    },
  ])('is told to the caller, and its event never appears; audit_emit $title', async ({ spooled, breakage }) => {
    await catchUp();
    const before = (await readLog(db)).length;
    const repair = breakage ? await breakEmit(db, breakage) : async () => {};
    onTestFinished(repair);
    await db.database.runScript(refuseCommits);
    await expect(schedule()).rejects.toThrow('commit refused');
    expect(spine.spool.counts()).toEqual({ spooled, lost: 0 });
    await db.database.runScript('DROP FUNCTION refuse_commit CASCADE');
    await repair();
    await catchUp();
    expect(spine.spool.counts()).toEqual({ spooled: 0, lost: 0 });
    expect(await readLog(db)).toHaveLength(before);
    // What comes next is not held up.
    await schedule();
    await catchUp();
    expect(await readLog(db)).toHaveLength(before + 1);
  });
});
