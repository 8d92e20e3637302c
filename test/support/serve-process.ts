import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { vi } from 'vitest';
import { atTestEnd } from './at-test-end.ts';
import { findFreePort } from './free-port.ts';
import { temporaryFolder } from './service.ts';

export const root = path.resolve(import.meta.dirname, '../..');

/**
 * `npm start` without npm, as a separate process: on a free port, with an empty DATA_DIR and only the given settings. It is
 * killed at the end of the test. Its output goes to files, so that everything it wrote before it answered can be read; with
 * `pipe`, stdout and stderr go to pipes that the test reads.
 */
export const startServe = async (settings: Record<string, string> = {}, { pipe = false }: { pipe?: boolean } = {}) => {
  const port = settings.PORT ?? String(await findFreePort());
  const folder = temporaryFolder();
  const files = { stdout: path.join(folder, 'stdout'), stderr: path.join(folder, 'stderr') };
  const stdout = openSync(files.stdout, 'w');
  const stderr = openSync(files.stderr, 'w');
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', 'src/main.ts', 'serve'], {
    cwd: root,
    env: {
      PATH: process.env.PATH,
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
      PORT: port,
      DATA_DIR: path.join(folder, 'data'),
      ...settings,
    },
    stdio: pipe ? ['ignore', 'pipe', 'pipe'] : ['ignore', stdout, stderr],
  });
  closeSync(stdout);
  closeSync(stderr);
  const exited = once(child, 'exit').then(([code]): number | null => code);
  atTestEnd(async () => {
    child.kill('SIGKILL');
    await exited;
  });

  const url = `http://127.0.0.1:${port}`;
  const read = (file: keyof typeof files) => readFileSync(files[file], 'utf8');
  return {
    url,
    /** The readers of its pipes. */
    pipes: { stdout: child.stdout, stderr: child.stderr },
    stdout: () => read('stdout'),
    stderr: () => read('stderr'),
    /** Its exit code; null if a signal ended it. */
    exited,
    kill: (signal: NodeJS.Signals) => child.kill(signal),
    /** Resolves when /readyz first says that it is ready. Rejects if the process ends before. */
    untilReady: ({ timeoutMs = 25_000 } = {}) =>
      vi.waitFor(
        async () => {
          if (child.exitCode !== null) return Promise.reject(new Error(`it ended with ${child.exitCode}: ${read('stderr')}`));
          const { status } = await fetch(`${url}/readyz`);
          if (status !== 200) throw new Error(`/readyz says ${status}`);
        },
        { timeout: timeoutMs, interval: 20 },
      ),
  };
};
