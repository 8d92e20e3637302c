import { randomUUID } from 'node:crypto';
import type { Database } from './database.ts';
import { checksumMatches, checksumOf, defaultMigrationsFolder, type MigrationFile, readMigrations } from './migration-files.ts';

/**
 * The database's migrations do not match those of the folder, and only a person can tell which are right. The message says what
 * to do.
 */
export class MigrationRefusedError extends Error {
  override readonly name = 'MigrationRefusedError';
}

/** Names of migrations, in order. */
export type MigrationStatus = {
  applied: string[];
  pending: string[];
  /**
   * Migrations of a newer release than this one, for example after a deploy was rolled back. Migrations only ever add, so an
   * older release keeps working.
   */
  unknown: string[];
};

type Row = { migration_name: string; checksum: string; finished_at: Date | null };

// The number that Prisma's own engine locks, so that this runner and `prisma migrate deploy` also wait for each other.
const ADVISORY_LOCK = 72707369;
// Raised if another process has applied the migration while this one waited for the lock.
const ALREADY_APPLIED = 'FT001';

/** Which migrations are applied and which are not. Throws a MigrationRefusedError. */
export const migrationStatus = async (database: Database, folder = defaultMigrationsFolder()): Promise<MigrationStatus> =>
  compare(readMigrations(folder), await readRows(database));

/** The names of the migrations that the database lacks, in order. Throws a MigrationRefusedError. */
export const pendingMigrations = async (database: Database, folder = defaultMigrationsFolder()): Promise<string[]> =>
  (await migrationStatus(database, folder)).pending;

/**
 * Applies the pending migrations in order, each in one transaction with its row in `_prisma_migrations`, like Prisma's own
 * `migrate deploy`. Several processes can do this at once. `onProgress` is called with each name before it is applied. Returns
 * the status afterwards. Throws a MigrationRefusedError, or an error that names the migration if its SQL fails; the database then
 * has nothing of that migration.
 */
export const migrate = async (
  database: Database,
  folder = defaultMigrationsFolder(),
  { onProgress = () => {} }: { onProgress?: (name: string) => void } = {},
): Promise<MigrationStatus> => {
  const files = readMigrations(folder);
  let status = compare(files, await readRows(database));
  if (status.pending.length > 0) await database.runScript(`${TAKE_LOCK} ${CREATE_TABLE}`);
  for (const file of files) {
    if (!status.pending.includes(file.name)) continue;
    onProgress(file.name);
    await apply(database, file);
    status = compare(files, await readRows(database));
  }
  return status;
};

const apply = async (database: Database, { name, sql }: MigrationFile): Promise<void> => {
  try {
    await database.runScript(`${TAKE_LOCK} ${refuseSecondTime(name)} ${sql}\n; ${recordRow({ name, sql })}`);
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === ALREADY_APPLIED) return;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`migration '${name}' failed, and nothing of it was applied: ${reason}`, { cause });
  }
};

// Waits up to a minute for another process that migrates; the migration itself waits for locks as long as the server allows.
const TAKE_LOCK = `SET LOCAL lock_timeout = '60s'; SELECT pg_advisory_xact_lock(${ADVISORY_LOCK}); SET LOCAL lock_timeout TO DEFAULT;`;

const CREATE_TABLE = `CREATE TABLE IF NOT EXISTS _prisma_migrations (
  id                  varchar(36)  PRIMARY KEY NOT NULL,
  checksum            varchar(64)  NOT NULL,
  finished_at         timestamptz,
  migration_name      varchar(255) NOT NULL,
  logs                text,
  rolled_back_at      timestamptz,
  started_at          timestamptz  NOT NULL DEFAULT now(),
  applied_steps_count integer      NOT NULL DEFAULT 0
)`;

const refuseSecondTime = (name: string) => `DO $refuse$ BEGIN
  IF EXISTS (SELECT 1 FROM _prisma_migrations WHERE migration_name = ${quote(name)} AND rolled_back_at IS NULL) THEN
    RAISE EXCEPTION 'applied meanwhile' USING ERRCODE = '${ALREADY_APPLIED}';
  END IF;
END $refuse$;`;

const recordRow = ({ name, sql }: MigrationFile) =>
  `INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name, started_at, applied_steps_count)
   VALUES ('${randomUUID()}', '${checksumOf(sql)}', clock_timestamp(), ${quote(name)}, now(), 1)`;

const quote = (text: string) => `'${text.replaceAll("'", "''")}'`;

const readRows = async ({ prisma }: Database): Promise<Row[]> => {
  const [found] = await prisma.$queryRaw<{ exists: boolean }[]>`SELECT to_regclass('_prisma_migrations') IS NOT NULL AS "exists"`;
  if (!found?.exists) return [];
  return prisma.$queryRaw<Row[]>`
    SELECT migration_name, checksum, finished_at FROM _prisma_migrations
    WHERE rolled_back_at IS NULL ORDER BY migration_name, started_at`;
};

const compare = (files: readonly MigrationFile[], rows: readonly Row[]): MigrationStatus => {
  const sqlByName = new Map(files.map(({ name, sql }) => [name, sql]));
  for (const { migration_name: name, checksum, finished_at: finishedAt } of rows) {
    if (!finishedAt) {
      throw new MigrationRefusedError(
        `migration '${name}' was begun and never finished: look at what it did, undo or complete it by hand, then run ` +
          `'npx prisma migrate resolve --rolled-back ${name}' (or --applied)`,
      );
    }
    const sql = sqlByName.get(name);
    if (sql !== undefined && !checksumMatches(sql, checksum)) {
      throw new MigrationRefusedError(
        `migration '${name}' was edited after it had been applied (checksum ${checksumOf(sql)}, applied was ${checksum}): ` +
          'restore its file as it was, and put the change into a new migration',
      );
    }
  }
  const applied = new Set(rows.map((row) => row.migration_name));
  const unknown = [...applied].filter((name) => !sqlByName.has(name));
  const newest = files.at(-1)?.name ?? '';
  const foreign = unknown.find((name) => name < newest);
  if (foreign !== undefined) {
    throw new MigrationRefusedError(
      `the database has migration '${foreign}', which this release does not know although it has newer ones: ` +
        'it comes from another line of development; deploy a release that holds both',
    );
  }
  const names = files.map(({ name }) => name);
  return { applied: names.filter((name) => applied.has(name)), pending: names.filter((name) => !applied.has(name)), unknown };
};
