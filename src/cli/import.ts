import { Readable, type Writable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import type { Command } from 'commander';
import type { CommandParts } from '../compose/command.ts';
import type { ImportOutcome } from '../flagd/model/import-plan.ts';
import { ValidationError } from '../kernel/errors.ts';
import { interruptedExitCode } from '../process/signals.ts';
import { commandLineCaller, parseUserId } from './command-line-caller.ts';
import { writeExport } from './export-destination.ts';
import { readImportFile } from './import-file.ts';
import { onOneLine } from './plain.ts';
import { makeProgressBar, type ProgressBar, type Terminal } from './progress-bar.ts';

type Deps = {
  /** Opens the database of the settings, for this command alone; `close` leaves the events in the log, and gives up all that was taken. */
  open: () => Promise<{ parts: Pick<CommandParts, 'importFlags'>; close: () => Promise<void> }>;
  /** The name of whoever runs the command; null where the system knows none. */
  userName: () => string | null;
  stdout: Writable;
  stderr: Terminal;
  /** Calls back when the user wants the command to end; returns the way to call it off. */
  onInterrupt: (listener: () => void) => () => void;
  /** The exit code of a run without errors. */
  setExitCode: (code: number) => void;
};
type Options = { environment: string; by?: string; dryRun?: boolean };

const help = `
The file is a flag definition document of flagd (https://flagd.dev/reference/flag-definitions/), as 'flagtrail export flags' writes
it: JSON of at most 32 MiB and 20,000 flags. Where it has one key twice, the last one counts.

A flag that is not there is created. One that is there is changed where the file says something else, and left alone where it
evaluates as in the file already, so that an import can be repeated. If anything in the file is wrong, nothing is changed, and
up to 20 problems are named. A run that is cut short, however it ends, is simply run again: what it has not done yet, for one flag
perhaps only its state, is done then.

Each change has its event in the log. Its actor is the service account 'flagtrail-import', because a name on a command line
proves nothing; the person of --by, or whoever runs the command, is in the actor's name and in metadata.adminUserId.

Examples:
  flagtrail import flags.flagd.json --environment staging --dry-run
  flagtrail import flags.flagd.json --environment staging --by alice@example.com

The settings (DATABASE_URL, or DATA_DIR of a service that is stopped) say which database it is.`;

/** Adds `flagtrail import`, which brings flags and their states in one environment to what a file says. */
export const addImportCommand = (program: Command, deps: Deps): void => {
  const { open, userName, stdout, stderr, onInterrupt, setExitCode } = deps;
  const command = program.command('import').description('create and change flags as a flagd document (JSON) defines them');
  command
    .argument('<file>', 'the file')
    .option('--environment <key>', 'the environment whose states the file defines', 'production')
    .option('--by <userId>', 'for whom the import acts; whoever runs the command where absent', parseUserId)
    .option('--dry-run', 'say what would be done, and do nothing')
    .addHelpText('after', help)
    .action(async (file: string, { environment, by, dryRun = false }: Options) => {
      const userId = by ?? userName();
      if (userId === null) return command.error('error: the system has no name for who runs this: say --by');
      const stop = new AbortController();
      const forget = onInterrupt(() => stop.abort());
      const progress = makeProgress(stderr);
      const counts: Record<ImportOutcome, number> = { created: 0, updated: 0, unchanged: 0 };
      const lines: string[] = [];
      try {
        const onRead = (done: number, total: number) => progress.show('flags read', done, total);
        const flags = await readImportFile(file, { onRead, signal: stop.signal });
        if (flags) {
          const { parts, close } = await open();
          let [compared, done] = [0, 0];
          try {
            await parts.importFlags(commandLineCaller('import', userId), flags, {
              environment,
              dryRun,
              signal: stop.signal,
              onCompared: () => progress.show('flags compared', ++compared, flags.length),
              onFlag: ({ key, outcome }) => {
                counts[outcome]++;
                if (dryRun) lines.push(`${outcome.padEnd(9)} ${onOneLine(key)}\n`);
                return progress.show('flags', ++done, flags.length);
              },
            });
          } finally {
            await close();
          }
        }
        progress.stop();
        await writeExport(Readable.from(lines), { file: null, stdout });
        stderr.write(`${describe(counts, { environment, dryRun, wasInterrupted: stop.signal.aborted })}\n`);
        setExitCode(stop.signal.aborted ? interruptedExitCode : 0);
      } catch (error) {
        throw error instanceof ValidationError ? new Error(listIssues(error, file), { cause: error }) : error;
      } finally {
        progress.stop();
        forget();
      }
    });
};

/** One bar after the other; in between, signals are heard: a database inside of the process leaves them no other time. */
const makeProgress = (stderr: Terminal) => {
  let current: { unit: string; bar: ProgressBar } | null = null;
  const stop = () => {
    current?.bar.stop();
    current = null;
  };
  const show = async (unit: string, done: number, total: number): Promise<void> => {
    if (current?.unit !== unit) {
      stop();
      current = { unit, bar: makeProgressBar(stderr, unit) };
    }
    current.bar.update(done / total, done);
    await setImmediate();
  };
  return { show, stop };
};

type Ending = { environment: string; dryRun: boolean; wasInterrupted: boolean };

const describe = (
  { created, updated, unchanged }: Record<ImportOutcome, number>,
  { environment, dryRun, wasInterrupted }: Ending,
) =>
  [
    ...(wasInterrupted ? ['Interrupted (run it again to go on): '] : []),
    ...(dryRun ? ['A dry run, nothing was changed: '] : []),
    `${created} created, ${updated} updated, ${unchanged} unchanged in ${onOneLine(environment)}`,
  ].join('');

const listIssues = ({ issues }: ValidationError, file: string): string =>
  [
    `nothing was imported from ${onOneLine(file)}:`,
    ...issues.map(({ path, message }) => `  ${onOneLine(path.join('.')) || 'the document'}: ${onOneLine(message)}`),
  ].join('\n');
