import { randomInt } from 'node:crypto';
import { Command, InvalidArgumentError } from 'commander';
import { interruptedExitCode, stopSignal } from '../src/process/signals.ts';
import { describeFault, makePlan } from './plan.ts';
import { describeResult } from './report.ts';

const parseWhole = (least: number, most: number) => (text: string) => {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < least || number > most) throw new InvalidArgumentError(`allowed: ${least} to ${most}`);
  return number;
};

const {
  seconds,
  seed = randomInt(2 ** 32),
  clients,
  plan: showsPlan,
} = new Command('npm run chaos --')
  .description(
    'Breaks a Flagtrail of its own on purpose while people work with it, and checks what is left; see chaos/README.md.',
  )
  .option('--seconds <number>', 'how long things are broken', parseWhole(5, 86_400), 60)
  .option('--seed <number>', 'what is broken when follows from it; a new one by default', parseWhole(0, 2 ** 32 - 1))
  .option('--clients <number>', 'how many people work at the same time', parseWhole(1, 200), 10)
  .option('--plan', 'print what would be broken when, and do nothing')
  .parse()
  .opts<{ seconds: number; seed?: number; clients: number; plan?: boolean }>();

const interrupted = stopSignal();

/** Shows one line that the next one overwrites. Only on a terminal. */
const showStep = (what: string) => void (process.stderr.isTTY && process.stderr.write(`\r\x1b[K${what}`));

if (showsPlan) process.stdout.write(`seed ${seed}\n${makePlan({ seed, seconds }).map(describeFault).join('\n')}\n`);
else {
  try {
    // Loaded here only: the plan and the options have no use for the whole service.
    const { runChaos } = await import('./run.ts');
    const result = await runChaos({ seed, seconds, clients, signal: interrupted, onStep: showStep });
    showStep('');
    process.stdout.write(describeResult(result));
    process.exitCode = result.violations.length > 0 ? 1 : 0;
  } catch (error) {
    showStep('');
    process.stderr.write(interrupted.aborted || !(error instanceof Error) ? 'Interrupted.\n' : `${error.stack}\n`);
    process.exitCode = interrupted.aborted ? interruptedExitCode : 1;
  }
}
