import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** One migration of Prisma's folder: the name of its folder, and the text of its `migration.sql`. */
export type MigrationFile = { name: string; sql: string };

/** Reads Prisma's migrations folder, in the order in which the migrations apply. Throws if a migration has no SQL. */
export const readMigrations = (folder: string): MigrationFile[] =>
  readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => ({ name, sql: readFileSync(path.join(folder, name, 'migration.sql'), 'utf8') }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));

/** SHA-256 of the file in hexadecimal, as Prisma computes it. */
export const checksumOf = (sql: string): string => createHash('sha256').update(sql).digest('hex');

/** Like Prisma, treats a file as unchanged if Git has only changed its line endings. */
export const checksumMatches = (sql: string, checksum: string): boolean => {
  const unix = sql.replaceAll('\r\n', '\n');
  return [sql, unix, unix.replaceAll('\n', '\r\n')].some((text) => checksumOf(text) === checksum);
};

/** The package's own `prisma/migrations`, above this module; built code is one level deeper. Throws if there is none. */
export const defaultMigrationsFolder = (): string => {
  for (let folder = import.meta.dirname; ; folder = path.dirname(folder)) {
    const migrations = path.join(folder, 'prisma', 'migrations');
    if (existsSync(path.join(migrations, 'migration_lock.toml'))) return migrations;
    if (folder === path.dirname(folder)) throw new Error(`there is no prisma/migrations in or above ${import.meta.dirname}`);
  }
};
