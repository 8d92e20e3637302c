// Compares the migrations with prisma/schema.prisma. If they differ, prints the SQL that is missing and exits with 1; otherwise
// prints nothing and exits with 0. Runs offline, as `npm run schema:check`. Does not compare what Prisma's schema language
// cannot express: CHECK constraints, partial indexes, functions, triggers.
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
