import { readFileSync } from 'node:fs';
import { type GateChange, readGates, readReleases } from './kubernetes-gates.ts';

/** One row of the data: from this version on, the gate has this stage, and is on or off by default. */
export type StageChange = Omit<GateChange, 'locked'> & { releasedOn: string };

/** A flag's state, before or after a change. */
export type FlagSetting = { enabled: boolean; rolloutPercentage: number };

/** A stage change, with the instant that represents its release date. */
export type PlannedChange = StageChange & { scheduledAt: Date; setting: FlagSetting };

const rolloutOf: Record<StageChange['stage'], number> = { alpha: 10, beta: 50, ga: 100, deprecated: 100 };

/** The changes of the first `count` gates in alphabetical order; without `count`, of all. */
export const ofFirstGates = (changes: readonly StageChange[], count = Number.POSITIVE_INFINITY): StageChange[] => {
  const first = new Set([...new Set(changes.map(({ gate }) => gate))].sort().slice(0, count));
  return changes.filter(({ gate }) => first.has(gate));
};

const settingOf = ({ stage, enabled }: StageChange): FlagSetting => ({ enabled, rolloutPercentage: rolloutOf[stage] });

/** All stage changes of all gates, oldest release first; within a release, in the source's order. */
export const readStageChanges = (folder = new URL('./data/', import.meta.url)): StageChange[] => {
  const read = (name: string) => readFileSync(new URL(name, folder), 'utf8');
  const releases = readReleases(read('kubernetes-releases.csv'));
  return readGates(read('kubernetes-feature-gates.csv'))
    .map(({ locked: _, ...change }) => {
      const releasedOn = releases.get(change.version);
      if (!releasedOn) throw new Error(`the demo's data has no date for '${change.version}'`);
      return { ...change, releasedOn };
    })
    .sort((a, b) => a.releasedOn.localeCompare(b.releasedOn));
};

/** Maps release dates linearly onto the time from `startsAt` on: the first release is due at its start, the last at its end. */
export const planChanges = (
  changes: readonly StageChange[],
  { startsAt, stretchMs }: { startsAt: Date; stretchMs: number },
): PlannedChange[] => {
  const dates = changes.map(({ releasedOn }) => Date.parse(releasedOn));
  const first = Math.min(...dates);
  const spanMs = Math.max(...dates) - first;
  return changes.map((change) => ({
    ...change,
    scheduledAt: new Date(startsAt.getTime() + Math.round(((Date.parse(change.releasedOn) - first) / spanMs) * stretchMs)),
    setting: settingOf(change),
  }));
};

/** The setting of each gate's last row, by gate. */
export const finalSettings = (changes: readonly StageChange[]): Map<string, FlagSetting> =>
  new Map(changes.map((change) => [change.gate, settingOf(change)]));
