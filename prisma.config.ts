import { defineConfig } from 'prisma/config';

// Every Prisma command first fetches an engine binary that `generate` never runs. Pointing at any existing file keeps
// code generation offline; commands that do need the engine fetch it as usual.
if (process.argv.includes('generate')) process.env.PRISMA_SCHEMA_ENGINE_BINARY ??= process.execPath;

export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  ...(process.env.DATABASE_URL ? { datasource: { url: process.env.DATABASE_URL } } : {}),
});
