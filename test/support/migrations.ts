import { cpSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { defaultMigrationsFolder } from '../../src/database/migration-files.ts';
import { temporaryFolder } from './service.ts';

/** A folder with the migrations before the named one: those of an older release. */
export const migrationsBefore = (name: string): string => {
  const folder = temporaryFolder();
  const names = readdirSync(defaultMigrationsFolder()).filter((other) => other < name || other.endsWith('.toml'));
  for (const other of names) cpSync(path.join(defaultMigrationsFolder(), other), path.join(folder, other), { recursive: true });
  return folder;
};
