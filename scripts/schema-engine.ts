import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import type * as Glue from '@prisma/schema-engine-wasm';
import { PrismaPGlite } from 'pglite-prisma-adapter';

/**
 * Prisma's own schema engine, the part of its CLI that knows schemas and migrations, over a PGlite database. The CLI fetches
 * it as a native binary; this is the same engine as WebAssembly, which npm delivers.
 */
export const openSchemaEngine = async (pglite: PGlite, schemaFile: string): Promise<Glue.SchemaEngine> => {
  // One instance for all: the glue is a module, and keeps its view of one instance's memory.
  loading ??= loadGlue();
  const glue = await loading;
  const factory = Object.assign(new PrismaPGlite(pglite), {
    connectToShadowDb: async () => new PrismaPGlite(new PGlite()).connect(),
  });
  const datamodels = [[schemaFile, readFileSync(schemaFile, 'utf8')]];
  return glue.SchemaEngine.new({ datamodels } as Glue.ConstructorOptions, () => {}, bindMigrationAwareSqlAdapterFactory(factory));
};

let loading: Promise<typeof Glue> | undefined;

/** A migrations folder as the engine takes it. */
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

/** Everything that a schema knows of is compared. */
export const NO_FILTERS: Glue.SchemaFilter = { externalTables: [], externalEnums: [] };

// TypeScript types this global together with the browser's only.
declare const WebAssembly: {
  instantiate(bytes: Uint8Array, imports: object): Promise<{ instance: { exports: { __wbindgen_start(): void } } }>;
};

// The package is made for bundlers, which know how to import a .wasm file. Node does not, so its two halves are tied here.
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
