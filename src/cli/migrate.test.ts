import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { databases, type TestDatabase } from '../../test/support/databases.ts';
import { addMigrateCommand } from './migrate.ts';

const name = '20261120000000_init';

/** Runs the command as the command line does, and gives back what it wrote and how it ended. */
const run = async (test: TestDatabase, ...args: string[]) => {
  const result = { output: '', errors: '', exitCode: 0, closed: 0, closedBeforeExit: 0 };
  const program = new Command()
    .exitOverride((error) => {
      result.exitCode = error.exitCode;
      result.closedBeforeExit = result.closed;
      throw error;
    })
    .configureOutput({ writeErr: (text) => (result.errors += text) });
  addMigrateCommand(program, {
    openDatabase: async () => ({
      database: test.database,
      close: async () => {
        result.closed++;
      },
    }),
    write: (text) => (result.output += text),
    setExitCode: (code) => (result.exitCode = code),
  });
  await program.parseAsync(['migrate', ...args], { from: 'user' }).catch(() => {});
  return result;
};

describe.each(databases)('flagtrail migrate on $kind', ({ createDatabase }) => {
  it('names each migration that it applies, and says so when there is nothing to do', async () => {
    await using test = await createDatabase({ migrated: false });
    const first = await run(test);
    expect(first).toMatchObject({ errors: '', exitCode: 0, closed: 1 });
    expect(first.output).toContain(`applying ${name}\n`);
    expect(first.output).toMatch(/The database is up to date\.\n$/);
    expect(await test.database.prisma.environment.count()).toBe(3);
    expect(await run(test)).toMatchObject({ output: 'Nothing to apply: the database is up to date.\n', exitCode: 0 });
  });

  it('lists with --status what is applied and pending, and changes nothing', async () => {
    await using test = await createDatabase({ migrated: false });
    const before = await run(test, '--status');
    expect(before).toMatchObject({ exitCode: 1, closed: 1 });
    expect(before.output).toContain(`pending  ${name}\n`);
    expect(before.output).toMatch(/\d+ pending: run 'flagtrail migrate'\.\n$/);
    await run(test);
    const after = await run(test, '--status');
    expect(after.exitCode).toBe(0);
    expect(after.output).toContain(`applied  ${name}\n`);
    expect(after.output).not.toContain('pending');
  });

  it('prints with --grants what a role needs, without a database, and refuses a role that has no such name', async () => {
    await using test = await createDatabase({ migrated: false });
    const { output, exitCode, closed } = await run(test, '--grants', '--role', 'flags "app"');
    expect({ exitCode, closed }).toEqual({ exitCode: 0, closed: 0 });
    expect(output).toContain('GRANT SELECT ON audit_log TO "flags ""app""";\n');
    expect((await run(test, '--grants')).output).toContain('GRANT SELECT, INSERT ON audit_outbox TO "flagtrail_service";\n');
    expect((await run(test, '--grants', '--role', 'a'.repeat(64))).errors).toContain('allowed: a name of 1 to 63 bytes');
    expect((await run(test, '--role', 'app')).errors).toBe('error: --role belongs to --grants\n');
  });

  it('tells of migrations that a newer release has applied', async () => {
    await using test = await createDatabase();
    await test.sql(
      `INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at) VALUES ('x', 'y', '99990101000000_later', now())`,
    );
    expect((await run(test, '--status')).output).toContain('A newer release has applied: 99990101000000_later.');
  });

  it('says in one line what is wrong, closes the database, and exits with 1', async () => {
    await using test = await createDatabase();
    await test.sql(`UPDATE _prisma_migrations SET checksum = 'edited' WHERE migration_name = $1`, [name]);
    const result = await run(test);
    expect(result).toMatchObject({ exitCode: 1, closed: 1, closedBeforeExit: 1, output: '' });
    expect(result.errors).toMatch(/^error: migration '20261120000000_init' was edited after it had been applied [^\n]*\n$/);
  });
});
