import type { Operation } from './evidence.ts';
import type { Recovery } from './faults.ts';
import type { Result } from './run.ts';

const shownViolations = 20;

/** The report of a run: figures, then the verdict. */
export const describeResult = ({ seed, seconds, plan, evidence, violations, recoveries, settledMs, folder }: Result): string => {
  const lines = [
    `${evidence.operations.length} operations under ${plan.length} faults in ${seconds} s: ${describeOutcomes(evidence.operations)}`,
    `${evidence.size} events in the log; settled ${(settledMs / 1000).toFixed(1)} s after the last fault`,
    '',
    'ready again after the fault was over      times    median   slowest   which',
    ...describeRecoveries(recoveries),
    '',
  ];
  if (violations.length === 0) lines.push(`ok: seed ${seed}, nothing lost, nothing twice, nothing out of order`);
  else {
    lines.push(`FAILED: seed ${seed}, ${violations.length} violation${violations.length === 1 ? '' : 's'}`);
    for (const { rule, what } of violations.slice(0, shownViolations)) lines.push(`  ${rule}: ${what}`);
    if (violations.length > shownViolations) lines.push(`  and ${violations.length - shownViolations} more`);
    lines.push(`The same faults again: npm run chaos -- --seconds ${seconds} --seed ${seed}`);
    lines.push(`What the processes wrote: ${folder}`);
  }
  return `${lines.join('\n')}\n`;
};

const describeOutcomes = (operations: readonly Operation[]): string => {
  const outcomes = ['ok', 'refused', 'unknown'] as const;
  return outcomes
    .map((outcome) => {
      const said = operations.filter((operation) => operation.outcome === outcome).map((operation) => operation.said);
      const counts = [...Map.groupBy(said, (word) => word)].map(([word, { length }]) => `${length} ${word}`);
      return `${said.length} ${outcome}${outcome === 'ok' || said.length === 0 ? '' : ` (${counts.join(', ')})`}`;
    })
    .join(', ');
};

/** Groups recoveries by fault. A recovery from several faults in a row has a group of its own. */
const describeRecoveries = (recoveries: readonly Recovery[]): string[] =>
  [...Map.groupBy(recoveries, ({ faults }) => (faults.length === 1 ? String(faults[0]) : several))].map(([what, group]) => {
    const inOrder = group.toSorted((a, b) => (a.readyMs ?? Infinity) - (b.readyMs ?? Infinity));
    const slowest = inOrder.at(-1);
    const which = what === several ? `${slowest?.process}: ${slowest?.faults.join(', ')}` : slowest?.process;
    const times = [inOrder[Math.floor(inOrder.length / 2)], slowest].map((recovery) => describeTime(recovery?.readyMs ?? null));
    return `  ${what.padEnd(38)} ${String(group.length).padStart(5)} ${times.join(' ')}   ${which}`;
  });

const several = 'several, one after the other';
const describeTime = (ms: number | null): string => (ms === null ? 'never' : `${(ms / 1000).toFixed(1)} s`).padStart(9);
