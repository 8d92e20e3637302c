import type { Query } from '../database-source.ts';
import { CouldNotCheck, Tampered } from '../outcome.ts';
import type { StatesChecked } from '../report.ts';
import type { Waiting } from '../waiting-events.ts';
import { checkEnvironments } from './check-environments.ts';
import { checkFlags } from './check-flags.ts';
import { checkSchedules } from './check-schedules.ts';
import type { Replay } from './replay.ts';
import { reasons } from './told.ts';

type Given = { query: Query; replay: Replay; waiting: Waiting; prunedTo: number };

/** Compares what is in force now with what replaying the log gives. Throws Tampered, CouldNotCheck. */
export const checkStates = async (given: Given): Promise<StatesChecked> => {
  const notChecked: { [reason: string]: number } = {};
  const skip = (reason: string, count = 1) => {
    notChecked[reason] = (notChecked[reason] ?? 0) + count;
  };
  const comparison = { ...given, skip };
  try {
    await checkTotals(comparison);
    const environments = await checkEnvironments(comparison);
    const { flags, states } = await checkFlags(comparison);
    const schedules = await checkSchedules(comparison);
    return { flags, states, environments, schedules, notChecked };
  } catch (error) {
    if (!(error instanceof Tampered)) throw error;
    throw await explain(error, given);
  }
};

/** The head keeps totals of the declared losses, so that nobody has to add them up. */
const checkTotals = async ({ query, replay, prunedTo, skip }: Given & { skip: (reason: string) => void }): Promise<void> => {
  if (prunedTo > 0) return skip(reasons.pruned);
  const [head] = await query<{ flagtrail: bigint | number; applications: bigint | number }>(
    'SELECT lost_by_flagtrail AS flagtrail, lost_by_applications AS applications FROM audit_head',
  );
  for (const [whose, said] of Object.entries(replay.lost())) {
    const kept = Number(head?.[whose as keyof typeof head]);
    if (kept !== said)
      throw new Tampered(
        'head',
        null,
        `The head says that ${kept} events of ${whose === 'flagtrail' ? 'Flagtrail' : whose} were lost, but the audit.loss events of the log declare ${said}.`,
      );
  }
};

/** An event that did not reach the log may explain what looks like a change behind it. */
const explain = async ({ finding }: Tampered, { query, replay }: Given): Promise<Error> => {
  const [spooled] = await query<{ waiting: bigint | number }>(
    "SELECT coalesce(sum((detail #>> '{spool,waiting}')::bigint), 0) AS waiting FROM service_processes",
  );
  const waiting = Number(spooled?.waiting ?? 0);
  if (waiting > 0)
    return new CouldNotCheck(
      `the states could not be compared with the log, because ${waiting} events wait in the spools of processes: ${finding.sentence}`,
    );
  const lost = replay.lost().flagtrail;
  const { kind, from, to, sentence } = finding;
  const where: [number, number] | null = from === null || to === null ? null : [from, to];
  const hint = ` The log declares that ${lost} events were lost, one of which may have said so.`;
  return new Tampered(kind, where, lost > 0 ? `${sentence}${hint}` : sentence);
};
