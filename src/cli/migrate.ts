import { type Command, InvalidArgumentError } from 'commander';
import type { Database } from '../database/database.ts';
import { defaultServiceRole, grantsFor } from '../database/grants.ts';
import { type MigrationStatus, migrate, migrationStatus } from '../database/migrate.ts';

type Deps = {
  /** Opens the configured database for one command. `close` releases everything. */
  openDatabase: () => Promise<{ database: Database; close: () => Promise<void> }>;
  /** Prisma's migrations folder; by default the package's own. */
  migrationsFolder?: string;
  write: (text: string) => void;
  /** Sets the exit code of a run without errors. */
  setExitCode: (code: number) => void;
};

const help = `
Run it on PostgreSQL before the processes of a new release: they wait for it. Processes of the previous
release can keep running meanwhile. You can run it again: it skips what is applied. The embedded database needs no 'migrate',
because 'flagtrail serve' brings it up to date.

The processes of the service need fewer rights than this command, which owns the tables. --grants prints the SQL that gives a role
what the service needs: it can append to the log, and cannot change or remove what is there. It prints the same whatever the
database holds, and needs none.

Examples:
  flagtrail migrate --status
  flagtrail migrate
  flagtrail migrate --grants --role flags_app | psql "$DATABASE_URL"

DATABASE_URL names the database; without it, the embedded database in DATA_DIR, whose service must be stopped.`;

/** Adds `flagtrail migrate`, which migrates the database to this release's schema. With `--status` it only lists migrations. */
export const addMigrateCommand = (program: Command, { openDatabase, migrationsFolder, write, setExitCode }: Deps): void => {
  const look = async (database: Database) => {
    const status = await migrationStatus(database, migrationsFolder);
    write(describe(status));
    setExitCode(status.pending.length > 0 ? 1 : 0);
  };

  const apply = async (database: Database) => {
    let applied = 0;
    const onProgress = (name: string) => {
      applied++;
      write(`applying ${name}\n`);
    };
    const { unknown } = await migrate(database, migrationsFolder, { onProgress });
    write(`${applied === 0 ? 'Nothing to apply: the' : 'The'} database is up to date.\n${warnOf(unknown)}`);
  };

  const command = program.command('migrate').description('bring the database schema up to date with this release');
  command
    .option('--status', 'list the migrations and change nothing; exits with 1 if some are pending')
    .option('--grants', 'print the SQL that gives a role what the service needs, and change nothing')
    .option('--role <name>', `the role of --grants; default: ${defaultServiceRole}`, parseRole)
    .addHelpText('after', help)
    .action(async ({ status: onlyLook = false, grants = false, role }: { status?: boolean; grants?: boolean; role?: string }) => {
      if (role !== undefined && !grants) return command.error('error: --role belongs to --grants');
      if (grants) return write(grantsFor(role ?? defaultServiceRole));
      try {
        const { database, close } = await openDatabase();
        try {
          if (onlyLook) await look(database);
          else await apply(database);
        } finally {
          await close();
        }
      } catch (error) {
        // `command.error` ends the process, so the database is closed first.
        command.error(`error: ${error instanceof Error ? error.message : String(error)}`);
      }
    });
};

/** PostgreSQL cuts longer names off. */
const maxNameBytes = 63;

const parseRole = (name: string): string => {
  if (!/^[^\p{Cc}]+$/u.test(name) || Buffer.byteLength(name) > maxNameBytes)
    throw new InvalidArgumentError(`allowed: a name of 1 to ${maxNameBytes} bytes without control characters`);
  return name;
};

const describe = ({ applied, pending, unknown }: MigrationStatus): string => {
  const lines = [...applied.map((name) => `applied  ${name}`), ...pending.map((name) => `pending  ${name}`)];
  const summary = pending.length === 0 ? 'The database is up to date.' : `${pending.length} pending: run 'flagtrail migrate'.`;
  return `${[...lines, summary].join('\n')}\n${warnOf(unknown)}`;
};

const warnOf = (unknown: readonly string[]): string =>
  unknown.length === 0 ? '' : `A newer release has applied: ${unknown.join(', ')}. This release works with them, too.\n`;
