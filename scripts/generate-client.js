import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

// npm runs this after every install. Where only what runs is installed (`npm ci --omit=dev`), there is no Prisma to generate
// with, and nothing to generate for: `dist` holds the client. JavaScript, so that any Node can run it.
if (existsSync('node_modules/.bin/prisma')) {
  const { status } = spawnSync('prisma generate', { stdio: 'inherit', shell: true });
  process.exitCode = status ?? 1;
}
