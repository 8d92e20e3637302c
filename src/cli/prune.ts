import { type Command, InvalidArgumentError } from 'commander';
import type { PrunedLog } from '../audit/commands/prune-log.ts';
import { PruningRefusedError } from '../audit/model/log-pruned.ts';
import type { CommandParts } from '../compose/command.ts';
import { parseInstant } from '../kernel/instant.ts';
import { interruptedExitCode } from '../process/signals.ts';
import { commandLineCaller, parseUserId } from './command-line-caller.ts';
import { makeProgressBar, type Terminal } from './progress-bar.ts';

type Deps = {
  /** Opens the configured database for one command. `close` moves the events into the log and releases everything. */
  open: () => Promise<{ parts: Pick<CommandParts, 'pruneLog'>; close: () => Promise<void> }>;
  /** The name of the user who runs the command; null if the user has none. */
  userName: () => string | null;
  stderr: Terminal;
  /** Calls `listener` when the user interrupts the command. Returns a function that removes it. */
  onInterrupt: (listener: () => void) => () => void;
  /** Sets the exit code of a run without errors. */
  setExitCode: (code: number) => void;
};
type Options = { before: Date; by?: string; dryRun?: boolean; yes?: boolean; skipSink: string[] };

const help = `
Removes the entries that were sealed before the instant, and what stands beside them, for good. It goes by whole tiles of 256
entries. Their hashes stay, so the rest of the log can still be verified, and verification says "pruned" of what is gone. The log
itself records it as log.pruned.

It refuses to remove what a sink has not shipped yet, and what no checkpoint covers. Export what you want to keep first:
flagtrail export events. If it is interrupted, run it again: it does the rest.

Processes can run meanwhile. On PostgreSQL it needs the owner of the tables, or a role with UPDATE on audit_head and DELETE on
audit_log and audit_disclosures.

Examples:
  flagtrail prune --before 2025-01-01T00:00:00Z --dry-run
  flagtrail prune --before 2025-01-01T00:00:00Z --yes

DATABASE_URL names the database; without it, the embedded database in DATA_DIR, whose service must be stopped.`;

/** Adds `flagtrail prune`, which removes old entries from the log. */
export const addPruneCommand = (program: Command, deps: Deps): void => {
  const { open, userName, stderr, onInterrupt, setExitCode } = deps;
  const command = program.command('prune').description('remove old entries from the log, and keep their hashes');
  command
    .requiredOption('--before <instant>', 'remove what was sealed before this instant, such as 2025-01-01T00:00:00Z', parseDate)
    .option('--dry-run', 'say what would be removed, and remove nothing')
    .option('--yes', 'remove it: there is no way back')
    .option('--skip-sink <name>', 'do not wait for this sink, which is no longer in use; repeat it for several', collect, [])
    .option('--by <userId>', 'the user for whom the command acts; default: the user who runs it', parseUserId)
    .addHelpText('after', help)
    .action(async ({ before, by, dryRun = false, yes = false, skipSink }: Options) => {
      const userId = by ?? userName();
      if (userId === null) return command.error('error: the user who runs this has no name: set --by');
      if (dryRun === yes) return command.error('error: set either --dry-run or, to remove entries for good, --yes');
      const stop = new AbortController();
      const forget = onInterrupt(() => stop.abort());
      const bar = makeProgressBar(stderr, 'entries');
      try {
        const { parts, close } = await open();
        try {
          const options = { before, dryRun, skippedSinks: skipSink };
          const onProgress = (done: number, total: number) => bar.update(done / total, done);
          const pruned = await parts.pruneLog(commandLineCaller('prune', userId), options, { onProgress, signal: stop.signal });
          bar.stop();
          stderr.write(`${describe(pruned, { dryRun })}\n`);
          setExitCode(pruned.isDone ? 0 : interruptedExitCode);
        } finally {
          await close();
        }
      } catch (error) {
        bar.stop();
        if (!(error instanceof PruningRefusedError)) throw error;
        command.error(`error: ${error.message}`);
      } finally {
        bar.stop();
        forget();
      }
    });
};

const describe = ({ before, from, to, isDone }: PrunedLog, { dryRun }: { dryRun: boolean }): string => {
  const instant = before.toISOString();
  if (to === from && isDone)
    return `Nothing to prune: no whole tile of 256 entries after position ${from} was sealed before ${instant}.`;
  const what = `${to - from} ${to - from === 1 ? 'entry' : 'entries'}, positions ${from + 1} to ${to}`;
  if (dryRun) return `Would remove ${what}.`;
  return isDone
    ? `Removed ${what}.`
    : `Interrupted: ${what} are pruned, and some of their rows are left. Run it again to remove them.`;
};

const parseDate = (text: string): Date => {
  const instant = parseInstant(text);
  if (!instant) throw new InvalidArgumentError('allowed: RFC 3339 with an offset, like 2026-11-20T09:00:00Z');
  return instant;
};

const collect = (name: string, before: string[]): string[] => [...before, name];
