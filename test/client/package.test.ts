import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { startAuditApi } from '../support/audit-api.ts';
import { temporaryFolder } from '../support/service.ts';

const root = path.resolve(import.meta.dirname, '../..');
const run = promisify(execFile);
const tsc = (project: string) =>
  run(process.execPath, [path.join(root, 'node_modules/.bin/tsc'), '-p', project]).catch(({ stdout }) => {
    throw new Error(stdout);
  });

/** An application's folder with the package in it as it is published, as far as its client goes, and with no more than that needs. */
const installClient = async (): Promise<string> => {
  const folder = temporaryFolder();
  const published = path.join(folder, 'node_modules/flagtrail');
  mkdirSync(published, { recursive: true });
  cpSync(path.join(root, 'package.json'), path.join(published, 'package.json'));
  for (const name of ['uuid', 'zod', '@types'])
    symlinkSync(path.join(root, 'node_modules', name), path.join(folder, 'node_modules', name));
  const compilerOptions = {
    outDir: path.join(published, 'dist'),
    rootDir: path.join(root, 'src'),
    typeRoots: [path.join(root, 'node_modules/@types')],
  };
  const project = path.join(folder, 'tsconfig.build.json');
  const include = [path.join(root, 'src/client/main.ts')];
  writeFileSync(project, JSON.stringify({ extends: path.join(root, 'tsconfig.build.json'), compilerOptions, include }));
  await tsc(project);
  return folder;
};

const application = `
import { createAuditClient, type AuditClient } from 'flagtrail/client';
const audit: AuditClient = createAuditClient({ url: process.argv[2] ?? '', token: async () => 'a-token' });
audit.logAuditEvent({ type: 'admin_action', userId: 'user', details: { a: 1 } });
// @ts-expect-error: a type that there is not.
audit.logAuditEvent({ type: 'login ' });
console.log(await audit.close(), audit.stats().sent);
`;

it('is imported as flagtrail/client by plain JavaScript and by TypeScript, with nothing else of the package', async () => {
  const folder = await installClient();
  writeFileSync(path.join(folder, 'package.json'), '{"type":"module"}');
  writeFileSync(path.join(folder, 'application.ts'), application);
  const compilerOptions = { module: 'nodenext', target: 'es2023', strict: true, rootDir: '.', outDir: 'out', types: ['node'] };
  const project = path.join(folder, 'tsconfig.json');
  writeFileSync(project, JSON.stringify({ compilerOptions, include: ['application.ts'] }));
  await tsc(project);

  const api = await startAuditApi();
  const { stdout } = await run(process.execPath, [path.join(folder, 'out/application.js'), api.url], { env: {} });
  expect(stdout).toBe('true 2\n');
  expect(api.recorded().map(({ type }) => type)).toEqual(['admin_action', 'login ']);
});
