import { Command, InvalidArgumentError, Option } from 'commander';
import { escapeControls } from '../src/kernel/escape-controls.ts';
import { interruptedExitCode, stopSignal } from '../src/process/signals.ts';
import { makeApi } from './api.ts';
import type { Check } from './checks.ts';
import { type Display, makeDisplay } from './display.ts';
import { DemoError, runDemo } from './run.ts';
import { verifyLog } from './verify-log.ts';

const shownProblems = 20;

const parseSeconds = (text: string): number => {
  const seconds = Number(text);
  if (!(seconds >= 1 && seconds <= 3600)) throw new InvalidArgumentError('allowed: 1 to 3600');
  return seconds;
};
const parseGates = (text: string): number => {
  const gates = Number(text);
  if (!Number.isInteger(gates) || gates < 1) throw new InvalidArgumentError('allowed: a whole number from 1');
  return gates;
};
const parseUrl = (text: string): string => {
  if (!/^https?:$/.test(URL.parse(text)?.protocol ?? '')) throw new InvalidArgumentError('allowed: an http or https URL');
  return text.replace(/\/+$/, '');
};

type Options = { seconds: number; gates?: number; prefix: string; url?: string; token?: string };
const writeErr = (text: string) => void process.stderr.write(escapeControls(text));
const program = new Command('npm run demo --')
  .configureOutput({ writeErr })
  .description('Ten years of Kubernetes feature gates as scheduled flag changes, within a minute; see demo/README.md.')
  .option('--seconds <number>', 'how long the ten years take', parseSeconds, 60)
  .option('--gates <number>', 'use only this many gates, from the first on; default: all', parseGates)
  .option('--prefix <text>', 'a prefix for the key of each flag, so that the demo can run twice on one server', '')
  .option('--url <url>', 'use this running service; without it, one starts here (on DATABASE_URL if that is set)', parseUrl)
  .addOption(new Option('--token <token>', "an admin's token for --url").env('FLAGTRAIL_TOKEN'))
  .parse();
const options = program.opts<Options>();
if (options.url && !options.token) program.error('error: --url needs --token (`npm run token` prints one), or FLAGTRAIL_TOKEN');

const interrupted = stopSignal();

const report = (checks: readonly Check[], display: Display): void => {
  for (const { title, problems } of checks) {
    display.say(`${problems.length === 0 ? 'ok    ' : 'FAILED'}  ${title}`);
    for (const problem of problems.slice(0, shownProblems)) display.say(`          ${problem}`);
    if (problems.length > shownProblems) display.say(`          and ${problems.length - shownProblems} more`);
  }
  if (checks.some(({ problems }) => problems.length > 0)) process.exitCode = 1;
};

const main = async (display: Display): Promise<void> => {
  const { url, token = '', seconds, gates, prefix } = options;
  const databaseUrl = process.env.DATABASE_URL;
  if (!url) display.say(`Starting Flagtrail on ${databaseUrl ? 'DATABASE_URL' : 'an embedded database in a temporary folder'}`);
  // Loaded only if needed: a client does not need the whole service.
  const startOwnService = async () => (await import('./own-service.ts')).startOwnService(databaseUrl);
  const service = url ? { url, token, stop: async () => {} } : await startOwnService();
  const ended = new AbortController();
  const signal = AbortSignal.any([interrupted, ended.signal]);
  try {
    signal.throwIfAborted();
    const api = makeApi({ url: service.url, token: service.token, signal });
    const checks = await runDemo({ api, gates, prefix, stretchMs: seconds * 1000, display, signal });
    const upTo = (await api.newestEvent())?.position ?? 0;
    report([...checks, await verifyLog({ api, url: service.url, token: service.token, upTo, signal })], display);
  } finally {
    ended.abort();
    display.stop();
    await service.stop();
  }
};

const display = makeDisplay(process.stdout);
try {
  await main(display);
} catch (error) {
  if (interrupted.aborted) {
    const lasting = options.url || process.env.DATABASE_URL;
    writeErr(`Interrupted.${lasting ? ` Flags '${options.prefix}…' and their schedules stay where they are.` : ''}\n`);
    process.exitCode = interruptedExitCode;
  } else {
    const explained = error instanceof DemoError || !(error instanceof Error) || !error.stack;
    writeErr(`${explained ? `demo: ${error instanceof Error ? error.message : error}` : error.stack}\n`);
    process.exitCode = 1;
  }
}
