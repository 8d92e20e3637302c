import type { Evidence, LogRow, Operation, ScheduleRow, State } from '../../chaos/evidence.ts';

/** Before anything is due. */
const early = Date.UTC(2026, 10, 20, 8);
export const at = (second: number) => new Date(Date.UTC(2026, 10, 20, 9, 0, second)).toISOString();
export const state = (version: number, enabled: boolean, rolloutPercentage = 100): State => ({
  version,
  enabled,
  rolloutPercentage,
});

export type Spoilable = {
  -readonly [Part in keyof Evidence]: Evidence[Part] extends ReadonlyMap<infer Key, readonly (infer Item)[]>
    ? Map<Key, Item[]>
    : Evidence[Part] extends ReadonlyMap<infer Key, infer Value>
      ? Map<Key, Value>
      : Evidence[Part] extends readonly (infer Item)[]
        ? Item[]
        : Evidence[Part];
};

/** A short run in which everything is as it should be: one of each operation with each outcome. */
export const sound = (): Spoilable => {
  const event = (row: Partial<LogRow> & Pick<LogRow, 'position' | 'eventType'>): LogRow => ({
    id: `event-${row.position}`,
    flagKey: 'f',
    scheduleId: null,
    requestId: null,
    before: null,
    after: null,
    declaredLost: 0,
    ...row,
  });
  const schedule = (id: string, second: number, status: string): ScheduleRow => ({
    id,
    flagKey: 'f',
    scheduledAt: at(second),
    status,
    updates: { enabled: true },
    idempotencyKey: `key-${id}`,
    errorMessage: null,
  });
  const tryOf = (id: string, second: number, request: string, outcome: Operation['outcome']): Operation => ({
    kind: 'createSchedule',
    flagKey: 'f',
    scheduledAt: at(second),
    updates: { enabled: true },
    idempotencyKey: `key-${id}`,
    requestId: request,
    answeredAt: early,
    outcome,
    said: outcome,
    ...(outcome === 'ok' && { scheduleId: id }),
  });
  const operations: Operation[] = [
    { kind: 'createFlag', flagKey: 'f', requestId: 'r1', answeredAt: early, outcome: 'ok', said: 'Flag' },
    { kind: 'createFlag', flagKey: 'g', requestId: 'r2', answeredAt: early, outcome: 'unknown', said: 'SERVICE_UNAVAILABLE' },
    { kind: 'createFlag', flagKey: 'h', requestId: 'r3', answeredAt: early, outcome: 'refused', said: 'NOT_READY' },
    tryOf('s1', 1, 'r4', 'ok'),
    tryOf('s2', 2, 'r5', 'unknown'),
    tryOf('s2', 2, 'r6', 'ok'),
    tryOf('s4', 4, 'r7', 'refused'),
    {
      kind: 'updateFlagState',
      flagKey: 'f',
      updates: { rolloutPercentage: 50 },
      requestId: 'r8',
      answeredAt: early,
      outcome: 'ok',
      said: 'FlagState',
      version: 2,
    },
    {
      kind: 'updateFlagState',
      flagKey: 'f',
      updates: { enabled: false },
      requestId: 'r9',
      answeredAt: early,
      outcome: 'unknown',
      said: 'timeout',
    },
    tryOf('s3', 3, 'r10', 'ok'),
    { kind: 'cancelSchedule', scheduleId: 's3', requestId: 'r11', answeredAt: early, outcome: 'unknown', said: 'reset' },
    {
      kind: 'cancelSchedule',
      scheduleId: 's1',
      requestId: 'r12',
      answeredAt: early,
      outcome: 'refused',
      said: 'ScheduleNotCancellableError',
    },
  ];
  const log = [
    event({ position: 1, eventType: 'flag.created', requestId: 'r1', after: state(1, false) }),
    event({ position: 2, eventType: 'flag_schedule.created', scheduleId: 's1', requestId: 'r4' }),
    event({ position: 3, eventType: 'flag_schedule.created', scheduleId: 's2', requestId: 'r5' }),
    event({
      position: 4,
      eventType: 'flag.rollout_changed',
      requestId: 'r8',
      before: state(1, false),
      after: state(2, false, 50),
    }),
    event({
      position: 5,
      eventType: 'flag_schedule.applied',
      scheduleId: 's1',
      before: state(2, false, 50),
      after: state(3, true, 50),
    }),
    event({
      position: 6,
      eventType: 'flag_schedule.applied',
      scheduleId: 's2',
      before: state(3, true, 50),
      after: state(3, true, 50),
    }),
    event({
      position: 7,
      eventType: 'flag.disabled',
      requestId: 'r9',
      before: state(3, true, 50),
      after: state(4, false, 50),
    }),
    event({ position: 8, eventType: 'flag_schedule.created', scheduleId: 's3', requestId: 'r10' }),
    event({ position: 9, eventType: 'flag_schedule.cancelled', scheduleId: 's3', requestId: 'r11' }),
  ];
  const taken = log.map(({ position, id }) => ({ position, id }));
  return {
    operations,
    states: new Map([['f', state(4, false, 50)]]),
    schedules: [schedule('s1', 1, 'APPLIED'), schedule('s2', 2, 'APPLIED'), schedule('s3', 3, 'CANCELLED')],
    log,
    size: 9,
    waiting: 0,
    wasSpooled: false,
    feeds: new Map([['feed', log.map(({ position }) => position)]]),
    sinks: new Map([
      ['stdout', [...taken, { position: 4, id: 'event-4' }]],
      ['cloudwatch', taken],
    ]),
    crashes: [],
    unready: [],
  };
};
