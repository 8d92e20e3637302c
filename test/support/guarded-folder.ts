import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** A temporary folder that is deleted with this process, even if the process is killed. */
export const openGuardedFolder = (prefix: string) => {
  const folder = mkdtempSync(path.join(tmpdir(), prefix));
  const dismiss = guard('rm -rf "$1"', folder);
  return {
    folder,
    remove: (): undefined => {
      dismiss();
      rmSync(folder, { recursive: true, force: true });
    },
  };
};

/**
 * Runs a line of shell if this process is killed and cannot do so itself: the shell waits until the pipe from this process
 * breaks.
 */
export const guard = (script: string, ...args: string[]): (() => void) => {
  if (process.platform === 'win32') return () => {};
  const command = ['-c', `cat >/dev/null; ${script}`, 'sh', ...args];
  const child = spawn('sh', command, { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  child.unref();
  if (child.stdin && 'unref' in child.stdin && typeof child.stdin.unref === 'function') child.stdin.unref();
  return () => void child.kill('SIGKILL');
};
