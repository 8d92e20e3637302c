import { readFileSync } from 'node:fs';
import { type Command, CommanderError, InvalidArgumentError } from 'commander';
import { rest } from '../kernel/rest.ts';
import { interruptedExitCode } from '../process/signals.ts';
import { splitNotes } from '../verify/checkpoint.ts';
import type { Query } from '../verify/database-source.ts';
import { follow } from '../verify/follow.ts';
import { type Finding, Tampered } from '../verify/outcome.ts';
import type { Pin } from '../verify/pending.ts';
import { readFromFolder, readFromServer } from '../verify/read-tiles.ts';
import { exitCodeOf, type Report } from '../verify/report.ts';
import type { ReadFile } from '../verify/tiles-source.ts';
import { verifyBundle, verifyDatabase, verifyServer } from '../verify/verify.ts';
import { verifyProof } from '../verify/verify-proof.ts';
import { onOneLine } from './plain.ts';
import { makeProgressBar, type Terminal } from './progress-bar.ts';
import { readBoundedFile } from './read-bounded-file.ts';
import { describeDetails, describeOutcome } from './verify-report.ts';
import { loadWatch, saveWatch } from './watch-file.ts';

type Deps = {
  /** Runs `work` on the database of the settings, or on the one at `url`, in one transaction that writes nothing. */
  readSnapshot: (url: string | null, work: (query: Query) => Promise<Report>) => Promise<Report>;
  /** The token of an auditor, if the surroundings have one. */
  token: () => string | null;
  fetch: typeof fetch;
  write: (text: string) => void;
  stderr: Terminal;
  onInterrupt: (listener: () => void) => () => void;
  setExitCode: (code: number) => void;
  /** One line for an error that is nobody's tampering. */
  explain: (error: unknown) => string;
};
type Options = {
  database?: string | true;
  url?: string;
  bundle?: string;
  proof?: string;
  key: string[];
  pin: string[];
  token?: string;
  follow?: true;
  state?: string;
  every: number;
  json?: true;
};

const help = `
Without --url, --bundle and --proof it verifies the database of the settings (DATABASE_URL, or DATA_DIR, whose service must be stopped). It
only reads. Beside the log, it compares what the flags are now with what the log says.

Keep what 'flagtrail log key' prints, and a checkpoint now and then, where the operator cannot change them: --key says whose
signatures count, and --pin what the log must still hold.

Exits with 0 if the log is good, with 1 if it was tampered with, and with 2 if that could not be checked.

Examples:
  flagtrail log key > log.vkey                                               # once, and kept elsewhere
  flagtrail verify --key log.vkey                                            # the database of the settings
  flagtrail verify --database postgres://auditor@db/flagtrail --key log.vkey --pin january.note
  flagtrail verify --url https://flagtrail.example --key log.vkey            # with FLAGTRAIL_TOKEN, or a public log
  flagtrail verify --url https://flagtrail.example --key log.vkey --follow --state watch.json
  flagtrail verify --bundle audit-2026 --key log.vkey                        # what 'flagtrail export events --bundle' wrote`;

const requestTimeoutMs = 60_000;

/** Adds `flagtrail verify`: whether the log is what was recorded and signed. */
export const addVerifyCommand = (program: Command, deps: Deps): void => {
  program
    .command('verify')
    .description('verify that nothing in the log was changed, removed, inserted or reordered, and that the flags are as it says')
    // 1 means "tampered", so it cannot also mean "wrong option".
    .exitOverride(({ exitCode, code, message }) => {
      throw new CommanderError(exitCode === 0 ? 0 : 2, code, message);
    })
    .option('--database [url]', 'verify a database: this PostgreSQL server, or that of the settings')
    .option('--url <url>', 'verify what a running service serves under /log/', parseUrl)
    .option('--bundle <folder>', "verify a folder that 'flagtrail export events --bundle' wrote")
    .option(
      '--key <key>',
      'a verifier line whose signatures count, or a file with it; also the keys to which it hands over (repeatable)',
      collect,
      [],
    )
    .option('--proof <file>', 'verify one answer of the API: to auditInclusionProof, or, with two pins, to auditConsistencyProof')
    .option('--pin <file>', 'a file with checkpoints that you kept (repeatable)', collect, [])
    .option('--token <token>', 'the token of an auditor, for --url; default: FLAGTRAIL_TOKEN')
    .option('--follow', 'with --url: go on watching what is added, until something is wrong')
    .option('--state <file>', 'with --follow: keep here how far the log was verified, and go on from there')
    .option('--every <seconds>', 'with --follow: how often to look', parseSeconds, 5)
    .option('--json', 'print one JSON object')
    .addHelpText('after', help)
    .action(async (options: Options) => {
      const { write, stderr, setExitCode, explain } = deps;
      const stop = new AbortController();
      const forget = deps.onInterrupt(() => stop.abort());
      const bar = makeProgressBar(options.json ? null : stderr);
      const onProgress = (done: number, size: number) => bar.update(size === 0 ? 1 : done / size, done);
      try {
        checkCombination(options);
        if (options.proof !== undefined) {
          checkProof(options.proof, options, deps);
          return;
        }
        const report = await run(options, { ...deps, signal: stop.signal, onProgress, endBar: bar.stop });
        bar.stop();
        write(options.json ? `${JSON.stringify(report)}\n` : `${describeOutcome(report)}\n`);
        if (!options.json) stderr.write(describeDetails(report));
        const isInterrupted = stop.signal.aborted && report.outcome === 'could not check';
        setExitCode(isInterrupted ? interruptedExitCode : exitCodeOf(report));
      } catch (error) {
        bar.stop();
        const reason = explain(error);
        write(options.json ? `${JSON.stringify({ outcome: 'could not check', reason })}\n` : `COULD NOT CHECK: ${reason}\n`);
        setExitCode(error instanceof InterruptedError ? interruptedExitCode : 2);
      } finally {
        forget();
      }
    });
};

/** Verifies one proof, which needs no log. */
const checkProof = (file: string, { key, pin, json }: Options, { write, setExitCode }: Deps): void => {
  const result = ((): { outcome: 'good' | 'tampered'; sentence: string; finding?: Finding } => {
    try {
      const proof = readText(file, 'proof');
      return { outcome: 'good', sentence: verifyProof(proof, { keys: key.flatMap(readKeys), pins: pin.flatMap(readPins) }) };
    } catch (error) {
      if (!(error instanceof Tampered)) throw error;
      return { outcome: 'tampered', sentence: error.message, finding: error.finding };
    }
  })();
  write(json ? `${JSON.stringify(result)}\n` : `${result.outcome.toUpperCase()}: ${onOneLine(result.sentence)}\n`);
  setExitCode(exitCodeOf(result));
};

type Running = Deps & { signal: AbortSignal; onProgress: (done: number, size: number) => void; endBar: () => void };

const run = async (options: Options, { signal, onProgress, endBar, ...deps }: Running): Promise<Report> => {
  const given = { keys: options.key.flatMap(readKeys), pins: options.pin.flatMap(readPins), onProgress };
  const wait = (ms: number) => rest(ms, signal);
  if (options.bundle !== undefined)
    return verifyBundle(readUntil(signal, readFromFolder(options.bundle, readBoundedFile)), given);
  if (options.url === undefined) {
    const url = typeof options.database === 'string' ? options.database : null;
    return deps.readSnapshot(url, (query) => {
      const asked: Query = (sql, ...params) => (signal.aborted ? Promise.reject(new InterruptedError()) : query(sql, ...params));
      return verifyDatabase(asked, given);
    });
  }
  const token = options.token ?? deps.token();
  const server = readFromServer({ url: options.url, token, fetch: deps.fetch, timeoutMs: requestTimeoutMs, wait });
  const read = readUntil(signal, server);
  if (!options.follow) return verifyServer({ ...given, read, wait });
  const state = options.state ?? null;
  return follow({
    ...{ ...given, read, wait, signal, intervalMs: options.every * 1000 },
    load: async () => (state === null ? null : loadWatch(state)),
    save: async (watch) => (state === null ? undefined : saveWatch(state, watch)),
    tell: (kind, sentence) => {
      endBar();
      if (kind === 'trouble') deps.stderr.write(`${sentence}\n`);
      else if (kind === 'good') deps.write(options.json ? `${JSON.stringify({ outcome: 'good', sentence })}\n` : `${sentence}\n`);
    },
  });
};

const checkCombination = ({ database, url, bundle, proof, follow: follows, state }: Options): void => {
  const given = [
    database !== undefined && '--database',
    url !== undefined && '--url',
    bundle !== undefined && '--bundle',
    proof !== undefined && '--proof',
  ].filter(Boolean);
  if (given.length > 1) throw new Error(`${given.join(' and ')} cannot be given together; allowed: one of them`);
  if (follows && url === undefined) throw new Error('--follow needs --url: it watches a running service');
  if (state !== undefined && !follows) throw new Error('--state needs --follow: it keeps how far that has come');
};

const collect = (value: string, before: string[]): string[] => [...before, value];

const parseUrl = (text: string): string => {
  const url = URL.parse(text);
  if (!url || !['http:', 'https:'].includes(url.protocol))
    throw new InvalidArgumentError('allowed: a URL that starts with http:// or https://');
  return text;
};
const parseSeconds = (text: string): number => {
  const seconds = /^\d{1,5}(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (!(seconds >= 0.1 && seconds <= 86_400)) throw new InvalidArgumentError('allowed: seconds, from 0.1 to 86400');
  return seconds;
};

/** A verifier line, or those in a file, as 'flagtrail log key' prints them. */
const readKeys = (given: string): string[] => {
  if (/^[^+\s]+\+[0-9a-f]{8}\+/.test(given)) return [given];
  try {
    return readFileSync(given, 'utf8')
      .split('\n')
      .filter((line) => line.trim() !== '');
  } catch {
    // Neither: the verification says what a line looks like.
    return [given];
  }
};

const readText = (file: string, what: string): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`the ${what} '${file}' cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
};

const readPins = (file: string): Pin[] => {
  const notes = splitNotes(readText(file, 'pin'));
  if (notes.length === 0) throw new Error(`the pin '${file}' is empty; allowed: a signed note, as /log/checkpoint gives it`);
  return notes.map((note, n) => ({ name: notes.length === 1 ? file : `${file}, number ${n + 1}`, note }));
};

class InterruptedError extends Error {
  constructor() {
    super('interrupted');
  }
}
const readUntil =
  (signal: AbortSignal, read: ReadFile): ReadFile =>
  (path) =>
    signal.aborted ? Promise.reject(new InterruptedError()) : read(path);
