import { describe, expect, it } from 'vitest';
import { createPostgresDatabase, databases } from './databases.ts';

describe.each(databases)('a test database on $kind', ({ createDatabase }) => {
  it('is migrated, and reached by the application and beside it', async () => {
    await using test = await createDatabase();
    expect(await test.database.prisma.environment.count()).toBe(3);
    expect(await test.sql('SELECT count(*) AS n FROM environments WHERE key = ANY($1)', [['staging']])).toEqual([{ n: 1 }]);
  });

  it('is its own: what one test writes no other sees', async () => {
    await using one = await createDatabase();
    await using other = await createDatabase();
    await one.sql("INSERT INTO environments (key, name) VALUES ('extra', 'Extra')");
    expect(await one.sql('SELECT count(*) AS n FROM environments')).toEqual([{ n: 4 }]);
    expect(await other.sql('SELECT count(*) AS n FROM environments')).toEqual([{ n: 3 }]);
  });

  it('can be empty, for tests of migrations', async () => {
    await using test = await createDatabase({ migrated: false });
    expect(await test.sql("SELECT to_regclass('environments') AS found")).toEqual([{ found: null }]);
  });
});

describe('the connection beside the application', () => {
  it('stays the same, so that a transaction can be held open on it', async () => {
    await using test = await createPostgresDatabase();
    await test.sql('BEGIN');
    await test.sql("UPDATE environments SET name = 'changed'");
    expect((await test.database.prisma.environment.findFirstOrThrow()).name).not.toBe('changed');
    await test.sql('ROLLBACK');
  });

  it('reaches PostgreSQL 18', async () => {
    await using test = await createPostgresDatabase();
    expect(await test.sql("SELECT current_setting('server_version_num')::int / 10000 AS major")).toEqual([{ major: 18 }]);
  });
});
