import type { Evidence, LogRow, Operation, ScheduleRow, State } from './evidence.ts';

/** A state before and after one event. */
export type Step = { position: number; before: State; after: State; scheduleId: string | null };

/** The evidence, indexed for lookups. */
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
    /** The first state of each flag. */
    first,
    /** The changes of each flag's state, in the log's order. */
    stepsOf,
    eventsOfRequest: groupBy(log, ({ requestId }) => requestId),
    eventsOfSchedule: groupBy(log, ({ scheduleId }) => scheduleId),
    scheduleById: new Map(schedules.map((row) => [row.id, row])),
    schedulesByKey: groupBy(schedules, ({ idempotencyKey }) => idempotencyKey),
    /** The tries to create each schedule. */
    triesByKey: groupBy(tries, ({ idempotencyKey }) => idempotencyKey),
    /**
     * The keys of schedules that were created before they were due, as far as clients know. A schedule that is committed later
     * can find that a later schedule was applied already.
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

/** Orders schedules of one flag by when they are due. */
export const byDue = (a: ScheduleRow, b: ScheduleRow): number =>
  Date.parse(a.scheduledAt) - Date.parse(b.scheduledAt) || (a.id < b.id ? -1 : 1);
