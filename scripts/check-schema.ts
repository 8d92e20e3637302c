// Prints the SQL that leads from where the migrations end to prisma/schema.prisma, and exits with 1, where they differ.
// Prints nothing and exits with 0 where they agree. `npm run schema:check`, offline.
//
// What Prisma's schema language cannot say (CHECK constraints, partial indexes, functions, triggers) is not compared.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { readMigrations } from '../src/database/migration-files.ts';
import { NO_FILTERS, openSchemaEngine } from './schema-engine.ts';

const root = path.dirname(import.meta.dirname);
const schemaFile = process.argv[2] ?? path.join(root, 'prisma', 'schema.prisma');
const migrationsFolder = process.argv[3] ?? path.join(root, 'prisma', 'migrations');

const pglite = await PGlite.create();
for (const { sql } of readMigrations(migrationsFolder)) await pglite.exec(sql);

const engine = await openSchemaEngine(pglite, schemaFile);
const files = [{ path: schemaFile, content: readFileSync(schemaFile, 'utf8') }];
const { stdout, exitCode } = await engine.diff({
  from: { tag: 'schemaDatasource', files, configDir: root },
  to: { tag: 'schemaDatamodel', files },
  script: true,
  exitCode: true,
  filters: NO_FILTERS,
});
if (exitCode !== 0) {
  process.stderr.write(`${schemaFile} and ${migrationsFolder} differ. This SQL would lead from the migrations to the schema:\n`);
  process.stdout.write(`${stdout ?? ''}\n`);
}
process.exit(exitCode === 0 ? 0 : 1);
