import type { Writable } from 'node:stream';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { ExportProgress } from '../audit/commands/export-events.ts';
import { composeReads } from '../compose/reads.ts';
import type { Database } from '../database/database.ts';
import { interruptedExitCode } from '../process/signals.ts';
import { parseBundleFolder } from './bundle-folder.ts';
import { addEventFilterOptions, toEventFilter } from './event-filter-options.ts';
import { exportBundleTo } from './export-bundle.ts';
import { parseOutputFile, writeExport } from './export-destination.ts';
import { makeProgressBar, type Terminal } from './progress-bar.ts';

type Deps = {
  /** Opens the configured database for reading, for one command. `close` releases everything. */
  openDatabase: () => Promise<{ database: Database; close: () => Promise<void> }>;
  stdout: Writable & { isTTY?: boolean };
  stderr: Terminal;
  /** Calls `listener` when the user interrupts the command. Returns a function that removes it. */
  onInterrupt: (listener: () => void) => () => void;
  /** Sets the exit code of a run without errors. */
  setExitCode: (code: number) => void;
};
type Options = Parameters<typeof toEventFilter>[0] & {
  order: 'oldest' | 'newest';
  after?: number;
  limit?: number;
  output?: string;
  bundle?: string;
};

const examples = `
An event must match all the filters that you give. Without any, all events are written.

Examples:
  flagtrail export events --output events.ndjson
  flagtrail export events --type flag_schedule.failed --type flag_schedule.cancelled --from 2026-11-01T00:00:00Z
  flagtrail export events --flag-key checkout-v2 --order newest --limit 20 | jq .description
  flagtrail export events --after 5678 >> events.ndjson     # continue an earlier export
  flagtrail export events --bundle audit-2026               # the whole log, for 'flagtrail verify --bundle'

DATABASE_URL names the database with the log; without it, the embedded database in DATA_DIR, whose service must be stopped.`;

/** Adds `flagtrail export events`: audit events as lines of JSON, in the form in which sinks write them. */
export const addExportEventsCommand = (parent: Command, deps: Deps): void => {
  const { openDatabase, stdout, stderr, onInterrupt, setExitCode } = deps;
  const command = parent.command('events').description('write audit events as JSON, one per line (NDJSON)');
  addEventFilterOptions(command)
    .addOption(
      new Option('--order <order>', 'the order by position in the log: oldest or newest event first')
        .choices(['oldest', 'newest'])
        .default('oldest'),
    )
    .option('--after <position>', 'start after this position: where an earlier export ended', parseCount(0))
    .option('--limit <number>', 'write at most this many events', parseCount(1))
    .option('--output <file>', 'write to this file, which appears when it is complete; default: standard output', parseOutputFile)
    .option(
      '--bundle <folder>',
      'write the whole log, with what proves it, into this new folder (C2SP tlog-tiles, and disclosures)',
      parseBundleFolder,
    )
    .addHelpText('after', examples)
    .action(async ({ order, after, limit, output, bundle, ...filter }: Options) => {
      const stop = new AbortController();
      const forget = onInterrupt(() => stop.abort());
      try {
        if (bundle !== undefined) refuseOthers(command);
        const { database, close } = await openDatabase();
        try {
          if (bundle !== undefined) {
            setExitCode(await exportBundleTo({ folder: bundle, database, stderr, signal: stop.signal }));
            return;
          }
          const showsBar = output !== undefined || !stdout.isTTY;
          const bar = makeProgressBar(showsBar ? stderr : null);
          let progress: ExportProgress = { events: 0, first: null, last: null, share: 0 };
          const onProgress = (made: ExportProgress) => {
            progress = made;
            bar.update(made.share, made.events);
          };
          const what = { filter: toEventFilter(filter), newestFirst: order === 'newest', after, limit };
          const { exportEvents } = composeReads(database);
          const file = output ?? null;
          const text = untilStopped(exportEvents(what, { onProgress, signal: stop.signal }), { signal: stop.signal, file });
          const taken = await writeExport(text, { file, stdout }).finally(() => bar.stop());
          if (taken) stderr.write(`${describe(progress, stop.signal.aborted)}\n`);
          setExitCode(taken && stop.signal.aborted ? interruptedExitCode : 0);
        } finally {
          await close();
        }
      } catch (error) {
        if (!(error instanceof InterruptedError)) throw error;
        stderr.write('Interrupted: no file was written.\n');
        setExitCode(interruptedExitCode);
      } finally {
        forget();
      }
    });
};

/** A part of the log would prove nothing of the rest. */
const refuseOthers = (command: Command): void => {
  const others = command.options.filter(
    (option) => option.long !== '--bundle' && command.getOptionValueSource(option.attributeName()) === 'cli',
  );
  if (others.length > 0)
    throw new Error(
      `--bundle cannot be used with ${others.map(({ long }) => long).join(', ')}; allowed: --bundle alone, because it holds the whole log`,
    );
};

class InterruptedError extends Error {}

/** An interrupted stream ends between two lines. An interrupted file must not look complete, so it is an error. */
async function* untilStopped(text: AsyncIterable<string>, { signal, file }: { signal: AbortSignal; file: string | null }) {
  yield* text;
  if (signal.aborted && file !== null) throw new InterruptedError();
}

const number = new Intl.NumberFormat('en');

/** "1,234 events, positions 1–5,678". */
const describe = ({ events, first, last }: ExportProgress, wasInterrupted: boolean): string => {
  if (first === null || last === null) return wasInterrupted ? 'Interrupted: 0 events' : '0 events';
  const count = `${number.format(events)} event${events === 1 ? '' : 's'}`;
  const range = `positions ${number.format(Math.min(first, last))}–${number.format(Math.max(first, last))}`;
  return wasInterrupted ? `Interrupted: ${count}, ${range}; continue with --after ${last}` : `${count}, ${range}`;
};

const parseCount = (min: number) => (text: string) => {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min)) throw new InvalidArgumentError(`allowed: a whole number, ${min} or more, of at most 15 digits`);
  return value;
};
