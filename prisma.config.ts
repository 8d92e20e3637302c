// Every Prisma command first fetches an engine binary that `generate` never runs. Pointing at any existing file keeps
// code generation offline; commands that do need the engine fetch it as usual.
if (process.argv.includes('generate')) process.env.PRISMA_SCHEMA_ENGINE_BINARY ??= process.execPath;

// Plain, without Prisma's `defineConfig`: that is in the package of its command line, which goes by another name here.
export default {
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  ...(process.env.DATABASE_URL ? { datasource: { url: process.env.DATABASE_URL } } : {}),
};
