import { expect, it } from 'vitest';
import type { Transaction } from '../../src/compose/unit-of-work.ts';
import { createPostgresDatabase, databases } from '../support/databases.ts';
import { anAdmin, makeSpine } from '../support/spine.ts';
import { readLog } from '../support/tables.ts';

it('of two transactions that wait for each other one is run again: both commit, with their events', async () => {
  const db = await createPostgresDatabase();
  const spine = await makeSpine(db.database);
  for (const key of ['a', 'b']) await spine.createFlag(anAdmin(), { key, name: key });
  const met = Promise.withResolvers<void>();
  let [holding, runs] = [0, 0];
  const rename = (first: string, second: string) =>
    spine.inTransaction(async ({ flags }: Transaction) => {
      runs++;
      for (const key of [first, second]) {
        const found = await flags.findLocked(key, 'change');
        if (found) await flags.saveFlag({ ...found.flag, name: `${found.flag.name}+${first}` });
        // Each holds its first flag before either asks for its second.
        if (++holding === 2) met.resolve();
        await met.promise;
      }
    });
  await Promise.all([rename('a', 'b'), rename('b', 'a')]);
  // The one that is run again may meet the other once more.
  expect(runs).toBeGreaterThan(2);
  const names = await db.sql<{ name: string }>('SELECT name FROM feature_flags ORDER BY key');
  for (const { name } of names) expect(name.split('+').slice(1).toSorted()).toEqual(['a', 'b']);
});

it.each(databases)('a conflict that comes again and again is outlived four times, and then told, on $kind', async (of) => {
  const db = await of.createDatabase();
  const spine = await makeSpine(db.database);
  await spine.createFlag(anAdmin(), { key: 'f', name: 'f' });
  // A sequence does not go back with the transaction, so it counts the runs.
  await db.database.runScript(`
    CREATE SEQUENCE runs;
    CREATE FUNCTION conflict() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF nextval('runs') <= TG_ARGV[0]::int THEN RAISE EXCEPTION 'deadlock detected' USING ERRCODE = TG_ARGV[1]; END IF;
      RETURN NEW;
    END $$;
    CREATE TRIGGER conflict BEFORE UPDATE ON feature_flags FOR EACH ROW EXECUTE FUNCTION conflict(4, '40P01')`);
  await spine.updateFlag(anAdmin(), { flagKey: 'f', name: 'outlived' });
  await db.database.runScript(`
    ALTER SEQUENCE runs RESTART;
    DROP TRIGGER conflict ON feature_flags;
    CREATE TRIGGER conflict BEFORE UPDATE ON feature_flags FOR EACH ROW EXECUTE FUNCTION conflict(1000, '40001')`);
  await expect(spine.updateFlag(anAdmin(), { flagKey: 'f', name: 'never' })).rejects.toThrow();
  expect(await db.sql(`SELECT last_value AS runs FROM runs`)).toEqual([{ runs: 5 }]);
  await spine.sequence();
  expect((await readLog(db)).map(({ eventType, newState }) => [eventType, newState?.name])).toEqual([
    ['flag.created', 'f'],
    ['flag.updated', 'outlived'],
  ]);
});
