import { describe, expect, it } from 'vitest';
import { createPostgresDatabase } from '../../test/support/databases.ts';
import { dataDirectory } from '../../test/support/service.ts';
import { DataDirectoryInUseError } from './data-directory-lock.ts';
import { migrationStatus, pendingMigrations } from './migrate.ts';
import { fewestConnections, openDatabases, shareConnections } from './open-database.ts';

it('gives every use of the database a connection of its own, and all of them together what is allowed', () => {
  for (let total = fewestConnections; total <= 1000; total++) {
    const shares = Object.values(shareConnections(total));
    expect(Math.min(...shares), `of ${total}`).toBeGreaterThanOrEqual(1);
    expect(
      shares.reduce((sum, share) => sum + share, 0),
      `of ${total}`,
    ).toBe(total);
  }
});

it('shares fifteen connections so that callers have most, and neither readers nor writers those of the others', () => {
  expect(shareConnections(15)).toEqual({ reads: 4, commands: 5, worker: 1, pipeline: 3, health: 2 });
});

describe('opening a database', () => {
  const embedded = (dataDir: string | null) => ({ databaseUrl: null, databaseConnections: 1, dataDir });

  it('brings the embedded one up to date where it must be ready, keeps its folder to itself, and lets it go at the end', async () => {
    const dataDir = await dataDirectory({ migrated: false });
    const databases = await openDatabases(embedded(dataDir), { pools: 'perUse', schema: 'ready' });
    expect((await migrationStatus(databases.reads)).pending).toEqual([]);
    await expect(openDatabases(embedded(dataDir), { pools: 'one', schema: 'any' })).rejects.toThrow(DataDirectoryInUseError);
    await databases.close();
    const again = await openDatabases(embedded(dataDir), { pools: 'one', schema: 'any' });
    expect(await pendingMigrations(again.reads)).toEqual([]);
    await again.close();
  });

  it('leaves a server that is behind as it is: it fails where the database must be ready, unless it is told to migrate', async () => {
    const { url, sql } = await createPostgresDatabase({ migrated: false });
    const server = { databaseUrl: url, databaseConnections: fewestConnections, dataDir: null };
    const connections = () =>
      sql<{ pid: number }>(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'flagtrail%'",
      );
    for (const pools of ['one', 'perUse'] as const) {
      await expect(openDatabases(server, { pools, schema: 'ready' })).rejects.toThrow(
        /^the database lacks migrations \(.*\): run 'flagtrail migrate'$/,
      );
    }
    await expect.poll(connections).toEqual([]);
    const any = await openDatabases(server, { pools: 'one', schema: 'any' });
    expect(await pendingMigrations(any.reads)).not.toEqual([]);
    await any.close();
    await (await openDatabases(server, { pools: 'one', schema: 'migrated' })).close();
    await (await openDatabases(server, { pools: 'perUse', schema: 'ready' })).close();
  });
});
