import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

// npm runs this after every install. After `npm ci --omit=dev` there is no Prisma CLI, and none is needed, because `dist` holds
// the client. In JavaScript, so that any Node can run it.
if (existsSync('node_modules/.bin/prisma')) {
  const { status } = spawnSync('prisma generate', { stdio: 'inherit', shell: true });
  process.exitCode = status ?? 1;
}
