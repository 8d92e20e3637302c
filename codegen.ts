import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { lexicographicSortSchema, printSchema } from 'graphql';
import { generatedPages } from './scripts/docs-tables.ts';
import { schema } from './src/compose/schema.ts';

// Writes the files that are generated from the schema, the settings and the event types. With --check it writes nothing, names
// the files that are out of date, and exits with 1. Paths are relative to the working directory, which npm sets to the
// project's folder.

const schemaFile = 'schema.graphql';

const outputs = {
  // With descriptions, and sorted, so that moving code changes nothing.
  [schemaFile]: `${printSchema(lexicographicSortSchema(schema))}\n`,
  ...Object.fromEntries(Object.entries(generatedPages).map(([file, render]) => [file, render(readFileSync(file, 'utf8'))])),
};
const stale = Object.entries(outputs).filter(([file, text]) => !existsSync(file) || readFileSync(file, 'utf8') !== text);

for (const [file, text] of stale) {
  if (process.argv.includes('--check')) {
    process.stderr.write(`${file} is stale: run \`npm run codegen\` and commit it\n`);
    process.exitCode = 1;
  } else {
    writeFileSync(file, text);
    process.stdout.write(`wrote ${file}\n`);
  }
}
