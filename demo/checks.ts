import type { LogEvent, ScheduleStatus } from './api.ts';
import type { FlagSetting } from './gates.ts';

/** What the demo requested, and what it found in the end. */
export type Findings = {
  /** The expected state of each flag, by key. */
  expected: ReadonlyMap<string, FlagSetting>;
  flags: readonly { key: string; state: FlagSetting }[];
  /** The ids of the created schedules. */
  scheduleIds: readonly string[];
  schedules: readonly { id: string; status: ScheduleStatus }[];
  /** The log's last position before the demo; 0 if the log was empty. */
  startPosition: number;
  /** The log's events after that. */
  log: readonly LogEvent[];
  /** The events of the live feed, which started after the first event of `log`. */
  feed: readonly LogEvent[];
};
export type Check = { title: string; problems: string[] };

/** Compares findings with expectations. A check without problems has passed. */
export const check = (findings: Findings): Check[] => {
  const { expected, scheduleIds, startPosition, log, feed } = findings;
  const upTo = log.at(-1)?.position ?? startPosition;
  return [
    { title: `${expected.size} flags are what the data says in the end`, problems: checkFlags(findings) },
    { title: `${scheduleIds.length} schedules are APPLIED, each exactly once`, problems: checkSchedules(findings) },
    { title: `positions ${startPosition + 1} to ${upTo} have no gap`, problems: checkPositions(log, startPosition) },
    { title: `the live feed brought ${feed.length} events, each once and in order`, problems: checkFeed(findings) },
  ];
};

const checkFlags = ({ expected, flags }: Findings): string[] => {
  const actual = new Map(flags.map(({ key, state }) => [key, state]));
  return [...expected].flatMap(([key, setting]) => {
    const state = actual.get(key);
    if (!state) return [`${key} is missing`];
    const isRight = state.enabled === setting.enabled && state.rolloutPercentage === setting.rolloutPercentage;
    return isRight ? [] : [`${key} is ${show(state)}, not ${show(setting)}`];
  });
};

const show = ({ enabled, rolloutPercentage }: FlagSetting) => `${enabled ? 'on' : 'off'} at ${rolloutPercentage} %`;

const checkSchedules = ({ scheduleIds, schedules, log }: Findings): string[] => {
  const statusOf = new Map(schedules.map(({ id, status }) => [id, status]));
  const applied = appliedEvents(log);
  const times = new Map<string | null, number>();
  for (const { scheduleId } of applied) times.set(scheduleId, (times.get(scheduleId) ?? 0) + 1);
  return scheduleIds.flatMap((id) => {
    const status = statusOf.get(id) ?? 'missing';
    const count = times.get(id) ?? 0;
    if (status === 'APPLIED' && count === 1) return [];
    const failure = log.findLast((event) => event.scheduleId === id && event.eventType === 'flag_schedule.failed');
    return [`schedule ${id} is ${status}, with ${count} applied events${failure ? `: ${failure.description}` : ''}`];
  });
};

const checkPositions = (log: readonly LogEvent[], startPosition: number): string[] =>
  log.flatMap(({ position }, index) => {
    const before = log[index - 1]?.position ?? startPosition;
    return position === before + 1 ? [] : [`position ${before} is followed by ${position}`];
  });

const checkFeed = ({ log, feed, scheduleIds }: Findings): string[] => {
  // Only up to the demo's own last event: later events of others can still be on their way.
  const ours = new Set<string | null>(scheduleIds);
  const last = Math.max(feed.at(-1)?.position ?? 0, log.findLast(({ scheduleId }) => ours.has(scheduleId))?.position ?? 0);
  const wanted = log.slice(1).filter(({ position }) => position <= last);
  const differs = wanted.findIndex(({ id }, index) => feed[index]?.id !== id);
  if (differs >= 0) {
    const [wantedEvent, cameInstead] = [wanted[differs], feed[differs]];
    return [`event ${wantedEvent?.position} was due on the feed, and ${cameInstead?.position ?? 'nothing'} came`];
  }
  return feed.length > wanted.length ? [`the feed brought ${feed.length - wanted.length} events more than the log has`] : [];
};

export const appliedEvents = (log: readonly LogEvent[]): LogEvent[] =>
  log.filter(({ eventType }) => eventType === 'flag_schedule.applied');

/** The smallest value that is not exceeded by the given share of the values (nearest rank); null if there are none. */
export const percentile = (values: readonly number[], share: number): number | null => {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? null;
};
