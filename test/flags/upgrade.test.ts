import { cpSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { migrate } from '../../src/database/migrate.ts';
import { defaultMigrationsFolder } from '../../src/database/migration-files.ts';
import { databases, type TestDatabase } from '../support/databases.ts';
import { temporaryFolder } from '../support/service.ts';
import { anAdmin, makeSpine } from '../support/spine.ts';
import { makeRetriesDue, readLog } from '../support/tables.ts';

const init = '20261120000000_init';
const catalogue = '20261120180000_catalogue';
const lastSettings = '20261121090000_last_settings';

/** The migrations up to and with these. */
const folderOf = (...names: string[]): string => {
  const folder = temporaryFolder();
  for (const name of [...names, 'migration_lock.toml']) {
    cpSync(path.join(defaultMigrationsFolder(), name), path.join(folder, name), { recursive: true });
  }
  return folder;
};

/** The statements in a migration's header, as somebody would copy them. */
const undoOf = (name: string): string => {
  const sql = readFileSync(path.join(defaultMigrationsFolder(), name, 'migration.sql'), 'utf8');
  const [, undo = ''] = /^-- Undo: (.*?)^-- {8}then delete this migration's row/ms.exec(sql) ?? [];
  return undo.replaceAll(/^--/gm, '');
};

/** What a release before the catalogue has left: a flag that is on in production, and schedules of its kind. */
const seed = async ({ sql }: TestDatabase) => {
  await sql(`INSERT INTO feature_flags (id, key, name, type, tags, created_at, updated_at)
    VALUES ('01900000-0000-7000-8000-000000000001', 'old', 'Old', 'BOOLEAN', ARRAY['a'], '2026-01-01Z', '2026-01-01Z')`);
  await sql(`INSERT INTO feature_flag_states (flag_id, environment_key, enabled, default_variant, version, updated_at)
    SELECT f.id, e.key, e.key = 'production', 'anything', 3, f.updated_at FROM feature_flags f, environments e`);
  await sql(`INSERT INTO feature_flag_schedules (id, flag_id, flag_key, environment_key, scheduled_at, updates, created_at, updated_at)
    SELECT gen_random_uuid(), f.id, f.key, u.environment, now() - make_interval(mins => 10 - u.n::int), u.updates, now(), now()
    FROM feature_flags f, (VALUES (1, 'production', '{"enabled": false, "rolloutPercentage": 25}'::jsonb),
      (2, 'production', '{"defaultVariant": "no variant that is known"}'), (3, 'staging', '{"enabled": true}')) u (n, environment, updates)`);
};

describe.each(databases)('a database of the release before, on $kind', ({ createDatabase }) => {
  it('keeps its flags and states when it is migrated, and applies its old schedules, but for an unknown variant, as before', async () => {
    const db = await createDatabase({ migrated: false });
    await migrate(db.database, folderOf(init));
    await seed(db);
    await migrate(db.database);
    const spine = await makeSpine(db.database);
    const { applied, failed } = await spine.applyDue();
    const reason = "updates.defaultVariant: is 'no variant that is known', which is not a variant of the flag: it has on, off";
    expect([applied.length, failed.map(({ schedule }) => schedule.errorMessage)]).toEqual([2, [reason]]);
    const states = await db.sql(
      'SELECT environment_key, enabled, rollout_percentage, default_variant, rules, overrides, experiment, emergency, version FROM feature_flag_states ORDER BY 1',
    );
    const rest = { rules: [], overrides: [], experiment: null, emergency: null };
    expect(states).toEqual([
      {
        environment_key: 'development',
        enabled: false,
        rollout_percentage: 100,
        default_variant: 'anything',
        ...rest,
        version: 3,
      },
      {
        environment_key: 'production',
        enabled: false,
        rollout_percentage: 25,
        default_variant: 'anything',
        ...rest,
        version: 4,
      },
      { environment_key: 'staging', enabled: true, rollout_percentage: 100, default_variant: 'anything', ...rest, version: 4 },
    ]);
    const target = { flagKey: 'old', environment: 'production' };
    await spine.updateFlagState(anAdmin(), { ...target, updates: { enabled: true }, expectedVersion: 4 });
    await spine.emergencyOverride(anAdmin(), { ...target, updates: { enabled: false }, reason: 'fire' });
    expect(await db.sql('SELECT status, variants, version FROM feature_flags')).toEqual([
      { status: 'ACTIVE', variants: [], version: 1 },
    ]);
    await spine.sequence();
    expect((await readLog(db)).map(({ newState }) => newState?.status)).toEqual([
      'ACTIVE',
      'FAILED',
      'ACTIVE',
      'ACTIVE',
      'ACTIVE',
    ]);
  });

  it('is as it was when the migration is undone by hand as its header says, and can be migrated again', async () => {
    const db = await createDatabase({ migrated: false });
    await migrate(db.database, folderOf(init));
    const describeTables = () =>
      db.sql(`SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
        WHERE table_schema = 'public' ORDER BY table_name, ordinal_position`);
    const describeIndexes = () => db.sql(`SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2`);
    const before = [await describeTables(), await describeIndexes()];
    await seed(db);
    const folder = folderOf(init, catalogue);
    await migrate(db.database, folder);
    expect([await describeTables(), await describeIndexes()]).not.toEqual(before);
    await db.database.runScript(undoOf(catalogue));
    await db.sql('DELETE FROM _prisma_migrations WHERE migration_name = $1', [catalogue]);
    expect([await describeTables(), await describeIndexes()]).toEqual(before);
    expect((await migrate(db.database, folder)).applied).toEqual([init, catalogue]);
    expect((await migrate(db.database)).pending).toEqual([]);
    expect((await (await makeSpine(db.database)).applyDue()).applied).toHaveLength(2);
  });

  it('keeps what retries must not undo: the schedule that changed a state last, and what was set since the migration', async () => {
    const db = await createDatabase({ migrated: false });
    await migrate(db.database, folderOf(init, catalogue));
    await seed(db);
    // What the release before has written of a later schedule that it applied, and of five that failed before.
    await db.sql(`UPDATE feature_flag_schedules SET status = 'APPLIED', applied_at = '2026-01-01T09:00:01Z', scheduled_at = '2026-01-01T09:00:00Z',
      updates = '{"rolloutPercentage": 25, "status": "DEPRECATED", "rules": []}' WHERE environment_key = 'staging'`);
    await db.sql(`UPDATE feature_flag_states s SET last_scheduled_at = d.scheduled_at, last_schedule_id = d.id, rollout_percentage = 25
      FROM feature_flag_schedules d WHERE d.environment_key = 'staging' AND s.environment_key = 'staging'`);
    await db.sql(`UPDATE feature_flags SET last_status_scheduled_at = s.last_scheduled_at, last_status_schedule_id = s.last_schedule_id, status = 'DEPRECATED'
      FROM feature_flag_states s WHERE s.environment_key = 'staging'`);
    await db.sql(`INSERT INTO feature_flag_schedules (id, flag_id, flag_key, environment_key, scheduled_at, updates, status, next_retry_at, created_at, updated_at)
      SELECT gen_random_uuid(), f.id, f.key, 'staging', '2025-01-01Z'::timestamptz + make_interval(mins => u.n::int), u.updates, 'FAILED', now() + interval '1 day', now(), now()
      FROM feature_flags f, (VALUES (1, '{"rolloutPercentage": 50}'::jsonb), (2, '{"status": "ACTIVE"}'), (3, '{"defaultVariant": "off"}'),
        (4, '{"rules": [{"key": "r", "description": null, "targeting": true}]}'), (5, '{"enabled": true}')) u (n, updates)`);
    await migrate(db.database);
    const spine = await makeSpine(db.database);
    await spine.updateFlagState(anAdmin('carol'), { flagKey: 'old', environment: 'staging', updates: { enabled: true } });
    await spine.updateFlagState(anAdmin('carol'), { flagKey: 'old', environment: 'staging', updates: { enabled: false } });
    await makeRetriesDue(db);
    const { applied, failed } = await spine.applyDue();
    const before = ({ schedule }: { schedule: { scheduledAt: Date } }) => schedule.scheduledAt < new Date('2025-12-01');
    expect(applied.filter(before).map(({ schedule }) => schedule.updates)).toEqual([{ defaultVariant: 'off' }]);
    const [later] = await db.sql<{ id: string }>(
      `SELECT id FROM feature_flag_schedules WHERE applied_at = '2026-01-01T09:00:01Z'`,
    );
    const bySchedule = `by schedule '${later?.id}' at 2026-01-01T09:00:01.000Z`;
    expect(failed.filter(before).map(({ schedule }) => schedule.errorMessage)).toEqual([
      `superseded: rolloutPercentage was set to 25 ${bySchedule}`,
      `superseded: status was set to 'DEPRECATED' ${bySchedule}`,
      `superseded: rules were set ${bySchedule}`,
      expect.stringMatching(/^superseded: enabled was changed from true to false by 'carol' at 2/),
    ]);
  });

  it('works on where what remembers settings is undone by hand, and can be migrated again', async () => {
    const db = await createDatabase({ migrated: false });
    const folder = folderOf(init, catalogue, lastSettings);
    await migrate(db.database, folder);
    await seed(db);
    await db.database.runScript(undoOf(lastSettings));
    await db.sql('DELETE FROM _prisma_migrations WHERE migration_name = $1', [lastSettings]);
    await migrate(db.database, folder);
    await migrate(db.database);
    const spine = await makeSpine(db.database);
    expect((await spine.applyDue()).applied).toHaveLength(2);
    await spine.sequence();
    expect(await readLog(db)).toHaveLength(3);
  });
});
