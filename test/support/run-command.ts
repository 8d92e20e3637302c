import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from './service.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** A command of the command line as a process of its own, with only these settings, and what it wrote. */
export const runCommand = (args: readonly string[], env: Record<string, string> = {}) =>
  new Promise<{ code: unknown; out: string; err: string }>((resolve) => {
    const variables = {
      PATH: process.env.PATH,
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
      DATA_DIR: temporaryFolder(),
      ...env,
    };
    const command = ['--disable-warning=ExperimentalWarning', main, ...args];
    execFile(process.execPath, command, { env: variables }, (error, out, err) => resolve({ code: error?.code ?? 0, out, err }));
  });
