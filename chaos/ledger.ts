import type { Evidence, LogRow, Operation, ScheduleRow, State } from './evidence.ts';

/** A state of a flag as an event left it. */
export type Step = { position: number; before: State; after: State; scheduleId: string | null };

/** The evidence, by what it is looked up by. */
export type Ledger = ReturnType<typeof makeLedger>;

export const makeLedger = (evidence: Evidence) => {
  const { log, schedules, operations } = evidence;
  const stepsOf = new Map<string, Step[]>();
  const first = new Map<string, { position: number; state: State }>();
  for (const { eventType, flagKey, position, before, after, scheduleId } of log) {
    if (flagKey === null || !after) continue;
    if (eventType === 'flag.created') first.set(flagKey, { position, state: after });
    else if (before) stepsOf.set(flagKey, [...(stepsOf.get(flagKey) ?? []), { position, before, after, scheduleId }]);
  }
  const tries = operations.filter((operation) => operation.kind === 'createSchedule');
  return {
    ...evidence,
    /** A flag's state as it was created. */
    first,
    /** The changes of a flag's state, in the log's order. */
    stepsOf,
    eventsOfRequest: groupBy(log, ({ requestId }) => requestId),
    eventsOfSchedule: groupBy(log, ({ scheduleId }) => scheduleId),
    scheduleById: new Map(schedules.map((row) => [row.id, row])),
    schedulesByKey: groupBy(schedules, ({ idempotencyKey }) => idempotencyKey),
    /** The tries to create one schedule. */
    triesByKey: groupBy(tries, ({ idempotencyKey }) => idempotencyKey),
    /**
     * The keys of schedules that were there before they were due, as far as clients know. One that a transaction brought later
     * may meet what a later schedule has done already.
     */
    inTime: new Set(
      tries
        .filter(({ outcome, answeredAt, scheduledAt }) => outcome === 'ok' && answeredAt < Date.parse(scheduledAt))
        .map(({ idempotencyKey }) => idempotencyKey),
    ),
    declaredLost: log.reduce((sum, row) => sum + row.declaredLost, 0),
  };
};

const groupBy = <Item>(items: readonly Item[], keyOf: (item: Item) => string | null): Map<string, Item[]> =>
  Map.groupBy(
    items.filter((item) => keyOf(item) !== null),
    (item) => keyOf(item) ?? '',
  );

export const isSameState = (a: State, b: State): boolean =>
  a.enabled === b.enabled && a.rolloutPercentage === b.rolloutPercentage && a.version === b.version;

export const describeState = ({ enabled, rolloutPercentage, version }: State): string =>
  `version ${version} (${enabled ? 'on' : 'off'}, ${rolloutPercentage} %)`;

export const ofType = (events: readonly LogRow[] | undefined, type: string): LogRow[] =>
  (events ?? []).filter(({ eventType }) => eventType === type);

export const describeOperation = (operation: Operation): string => {
  const of = operation.kind === 'cancelSchedule' ? operation.scheduleId : operation.flagKey;
  return `${operation.kind} of ${of} (request ${operation.requestId}, ${operation.said})`;
};

/** The order in which schedules of one flag are due. */
export const byDue = (a: ScheduleRow, b: ScheduleRow): number =>
  Date.parse(a.scheduledAt) - Date.parse(b.scheduledAt) || (a.id < b.id ? -1 : 1);
