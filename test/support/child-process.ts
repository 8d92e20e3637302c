import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

/** A separate process that talks over IPC. It is killed at the end of the test if it still runs. */
export type TestProcess = {
  readonly process: ChildProcess;
  /** The next message from the process. Rejects if the process ends without one. */
  nextMessage(): Promise<unknown>;
  send(message: object | string): void;
  /** Kills it like `kill -9`, and resolves when it is gone. */
  kill(): Promise<void>;
};

type Options = {
  /** No file can grow beyond this, which to the process looks like a full disk. */
  maxFileKiB?: number;
  /** Options of Node. */
  execArgv?: readonly string[];
};

/** Starts a TypeScript file as a process. */
export const startProcess = (
  file: URL,
  args: readonly string[] = [],
  { maxFileKiB, execArgv = [] }: Options = {},
): TestProcess => {
  const command = [process.execPath, '--disable-warning=ExperimentalWarning', ...execArgv, fileURLToPath(file), ...args];
  // A POSIX shell counts blocks of 512 bytes.
  const limited = maxFileKiB === undefined ? command : ['sh', '-c', `ulimit -f ${maxFileKiB * 2}; exec "$@"`, 'sh', ...command];
  const child = spawn(limited[0] ?? '', limited.slice(1), { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] });
  const messages: unknown[] = [];
  let wake = () => {};
  let ended = false;
  child.on('message', (message) => {
    messages.push(message);
    wake();
  });
  const exit = once(child, 'exit').then(() => {
    ended = true;
    wake();
  });
  const kill = async () => {
    child.kill('SIGKILL');
    await exit;
  };
  onTestFinished(kill);
  return {
    process: child,
    nextMessage: async () => {
      while (messages.length === 0) {
        if (ended) throw new Error(`the process ended with ${child.exitCode ?? child.signalCode} before its message`);
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return messages.shift();
    },
    send: (message) => {
      child.send(message);
    },
    kill,
  };
};
