import { availableParallelism, cpus, totalmem } from 'node:os';
import cliProgress from 'cli-progress';
import { Command, InvalidArgumentError } from 'commander';
import { interruptedExitCode, stopSignal } from '../src/process/signals.ts';
import { benchApplyDue } from './apply-due.ts';
import { benchCreateSchedule } from './create-schedule.ts';
import { benchInclusionProof } from './inclusion-proof.ts';
import { type Bench, type Lab, openLab } from './lab.ts';
import { benchLatency } from './latency.ts';
import { benchLogAuditEvent } from './log-audit-event.ts';
import { benchSealing } from './sealing.ts';
import { benchSequencer } from './sequencer.ts';
import { describeFigures, type Figure } from './statistics.ts';
import { benchVerify } from './verify.ts';

const benches: readonly Bench[] = [
  benchCreateSchedule,
  benchApplyDue,
  benchLatency,
  benchSequencer,
  benchSealing,
  benchInclusionProof,
  benchLogAuditEvent,
  benchVerify,
];
const names = benches.map(({ name }) => name).join(', ');

const parseOnly = (list: string): Bench[] =>
  list.split(',').map((name) => {
    const bench = benches.find((known) => known.name === name.trim());
    if (!bench) throw new InvalidArgumentError(`allowed: ${names}, separated by commas`);
    return bench;
  });
const parseRounds = (text: string): number => {
  const rounds = Number(text);
  if (!(Number.isInteger(rounds) && rounds >= 1 && rounds <= 50)) throw new InvalidArgumentError('allowed: 1 to 50');
  return rounds;
};

const { only: chosen = benches, rounds } = new Command('npm run bench --')
  .description('Measures Flagtrail beside references in the same run, on a PostgreSQL of its own; see bench/README.md.')
  .option('--only <names>', `which of ${names}, separated by commas`, parseOnly)
  .option('--rounds <number>', 'how often each is measured; the median counts', parseRounds, 3)
  .parse()
  .opts<{ only?: readonly Bench[]; rounds: number }>();

const interrupted = stopSignal();

const makeProgress = () => {
  const total = chosen.reduce((sum, { steps }) => sum + steps(rounds), 0);
  const bar = process.stdout.isTTY
    ? new cliProgress.SingleBar(
        { format: '{bar} {value}/{total} {what}', hideCursor: true, clearOnComplete: true, gracefulExit: false },
        cliProgress.Presets.shades_classic,
      )
    : null;
  bar?.start(total, 0, { what: 'starting PostgreSQL' });
  return {
    step: (what: string) => {
      interrupted.throwIfAborted();
      bar?.increment(1, { what });
    },
    stop: () => bar?.stop(),
  };
};

const run = async (): Promise<void> => {
  const progress = makeProgress();
  let lab: Lab | undefined;
  try {
    lab = await openLab();
    const figures: Figure[] = [];
    for (const bench of chosen) figures.push(...(await bench.run(lab, { rounds, step: progress.step })));
    progress.stop();
    const machine = `${availableParallelism()} cores (${cpus()[0]?.model.trim() ?? 'unknown'}), ${Math.round(totalmem() / 2 ** 30)} GiB`;
    const software = `Node ${process.versions.node}, PostgreSQL ${lab.postgresVersion} on the same machine`;
    process.stdout.write(`${machine}; ${software}; medians of ${rounds} rounds\n\n${describeFigures(figures)}\n`);
  } finally {
    progress.stop();
    await lab?.close();
  }
};

try {
  await run();
} catch (error) {
  // Ctrl+C in a terminal also interrupts the service and PostgreSQL, so errors after it mean nothing.
  process.exitCode = interrupted.aborted ? interruptedExitCode : 1;
  process.stderr.write(interrupted.aborted || !(error instanceof Error) ? 'Interrupted.\n' : `${error.stack}\n`);
}
