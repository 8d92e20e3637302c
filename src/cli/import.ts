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
  /** Opens the configured database for one command. `close` moves the events into the log and releases everything. */
  open: () => Promise<{ parts: Pick<CommandParts, 'importFlags'>; close: () => Promise<void> }>;
  /** The name of the user who runs the command; null if the user has none. */
  userName: () => string | null;
  stdout: Writable;
  stderr: Terminal;
  /** Calls `listener` when the user interrupts the command. Returns a function that removes it. */
  onInterrupt: (listener: () => void) => () => void;
  /** Sets the exit code of a run without errors. */
  setExitCode: (code: number) => void;
};
type Options = { environment: string; by?: string; dryRun?: boolean };

const help = `
The file is a flag definition document of flagd (https://flagd.dev/reference/flag-definitions/), as 'flagtrail export flags' writes
it: JSON of at most 32 MiB and 20,000 flags. If a key appears twice, the last one counts.

Flags that do not exist are created. Flags that exist are changed only where they differ from what the file says, so you can repeat
an import. No flag is deleted. If anything in the file is wrong, nothing changes, and up to 20 problems are listed. If an
import is interrupted, run it again: it does the rest.

Every change is recorded in the audit log. The actor is the service account 'flagtrail-import', because a name on a command line
proves nothing. The user of --by, or the user who runs the command, is in the actor's name and in metadata.adminUserId.

Examples:
  flagtrail import flags.flagd.json --environment staging --dry-run
  flagtrail import flags.flagd.json --environment staging --by alice@example.com

DATABASE_URL names the database; without it, the embedded database in DATA_DIR, whose service must be stopped.`;

/** Adds `flagtrail import`, which makes flags and their states in one environment match a file. */
export const addImportCommand = (program: Command, deps: Deps): void => {
  const { open, userName, stdout, stderr, onInterrupt, setExitCode } = deps;
  const command = program.command('import').description('create and change flags from a flagd document (JSON)');
  command
    .argument('<file>', 'the document')
    .option('--environment <key>', 'the environment whose flag states the file defines', 'production')
    .option('--by <userId>', 'the user for whom the import acts; default: the user who runs the command', parseUserId)
    .option('--dry-run', 'print what would change, and change nothing')
    .addHelpText('after', help)
    .action(async (file: string, { environment, by, dryRun = false }: Options) => {
      const userId = by ?? userName();
      if (userId === null) return command.error('error: the user who runs this has no name: set --by');
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

/**
 * Shows one progress bar after another. Yields to the event loop in between: the embedded database runs in this process, and
 * signals would not be noticed otherwise.
 */
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
    ...(wasInterrupted ? ['Interrupted (run it again to continue): '] : []),
    ...(dryRun ? ['Dry run, nothing was changed: '] : []),
    `${created} created, ${updated} updated, ${unchanged} unchanged in ${onOneLine(environment)}`,
  ].join('');

const listIssues = ({ issues }: ValidationError, file: string): string =>
  [
    `nothing was imported from ${onOneLine(file)}:`,
    ...issues.map(({ path, message }) => `  ${onOneLine(path.join('.')) || 'the document'}: ${onOneLine(message)}`),
  ].join('\n');
