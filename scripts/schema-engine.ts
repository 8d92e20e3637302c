import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import type * as Glue from '@prisma/schema-engine-wasm';
import { PrismaPGlite } from 'pglite-prisma-adapter';

/**
 * Opens Prisma's schema engine (the part of its CLI that handles schemas and migrations) on a PGlite database. The CLI
 * downloads it as a native binary; npm delivers the same engine as WebAssembly.
 */
export const openSchemaEngine = async (pglite: PGlite, schemaFile: string): Promise<Glue.SchemaEngine> => {
  // One instance is enough, and the glue module can hold only one instance's memory.
  loading ??= loadGlue();
  const glue = await loading;
  const factory = Object.assign(new PrismaPGlite(pglite), {
    connectToShadowDb: async () => new PrismaPGlite(new PGlite()).connect(),
  });
  const datamodels = [[schemaFile, readFileSync(schemaFile, 'utf8')]];
  return glue.SchemaEngine.new({ datamodels } as Glue.ConstructorOptions, () => {}, bindMigrationAwareSqlAdapterFactory(factory));
};

let loading: Promise<typeof Glue> | undefined;

/** Reads a migrations folder in the form that the engine takes. */
export const migrationListOf = (folder: string): Glue.MigrationList => {
  const lockfile = path.join(folder, 'migration_lock.toml');
  return {
    baseDir: folder,
    lockfile: { path: 'migration_lock.toml', content: existsSync(lockfile) ? readFileSync(lockfile, 'utf8') : null },
    shadowDbInitScript: '',
    migrationDirectories: readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
      .sort()
      .map((name) => ({
        path: name,
        migrationFile: {
          path: 'migration.sql',
          content: { tag: 'ok', value: readFileSync(path.join(folder, name, 'migration.sql'), 'utf8') },
        },
      })),
  };
};

/** Compares everything. */
export const NO_FILTERS: Glue.SchemaFilter = { externalTables: [], externalEnums: [] };

// TypeScript declares this global only with the browser's types.
declare const WebAssembly: {
  instantiate(bytes: Uint8Array, imports: object): Promise<{ instance: { exports: { __wbindgen_start(): void } } }>;
};

// The package is made for bundlers that import .wasm files. Node does not, so this connects its two halves.
const loadGlue = async (): Promise<typeof Glue> => {
  const folder = path.dirname(createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm'));
  const glue = await import(path.join(folder, 'schema_engine_bg.js'));
  const { instance } = await WebAssembly.instantiate(readFileSync(path.join(folder, 'schema_engine_bg.wasm')), {
    './schema_engine_bg.js': glue,
  });
  glue.__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start();
  return glue;
};
