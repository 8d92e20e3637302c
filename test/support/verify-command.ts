import { Writable } from 'node:stream';
import { Command, CommanderError } from 'commander';
import { expect } from 'vitest';
import { addVerifyCommand } from '../../src/cli/verify.ts';
import type { TestDatabase } from './databases.ts';

const sink = (isTTY: boolean) => {
  let text = '';
  const stream = new Writable({
    decodeStrings: false,
    write: (chunk, _encoding, done) => {
      text += chunk;
      done();
    },
  });
  return Object.assign(stream, { isTTY, text: () => text });
};

type Options = { database?: TestDatabase; token?: string; tty?: boolean };

/** Starts `flagtrail verify` as the command line does. `done` ends with the command. */
export const startVerify = (args: readonly string[], { database, token, tty = false }: Options = {}) => {
  let [exitCode, out] = [-1, ''];
  let interrupt = () => {};
  const opened: (string | null)[] = [];
  const stderr = sink(tty);
  const program = new Command()
    .exitOverride()
    .configureOutput({ writeErr: (text) => stderr.write(text), writeOut: (text) => stderr.write(text) });
  addVerifyCommand(program, {
    readSnapshot: (url, work) => {
      opened.push(url);
      return (database?.database ?? expect.unreachable('no database')).readSnapshot(work);
    },
    token: () => token ?? null,
    fetch,
    write: (text) => {
      out += text;
    },
    stderr,
    onInterrupt: (listener) => {
      interrupt = listener;
      return () => {
        interrupt = () => {};
      };
    },
    setExitCode: (code) => {
      exitCode = code;
    },
    explain: (error) => (error instanceof Error ? error.message : String(error)),
  });
  const done = program.parseAsync(['verify', ...args], { from: 'user' }).then(
    () => ({ exitCode, out, err: stderr.text(), opened }),
    (error) => {
      if (!(error instanceof CommanderError)) throw error;
      return { exitCode: error.exitCode, out, err: stderr.text(), opened };
    },
  );
  return { done, out: () => out, err: () => stderr.text(), interrupt: () => interrupt() };
};

export const runVerify = (args: readonly string[], options?: Options) => startVerify(args, options).done;
