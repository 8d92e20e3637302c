import { describe, expect, it } from 'vitest';
import type { Schedule } from '../../schedules/model/schedule.ts';
import type { ServiceFacts } from './service-facts.ts';
import { measureSkewMs, type ServiceProcess } from './service-process.ts';
import { toServiceStatus } from './service-status.ts';

const now = new Date('2026-03-01T09:00:00.000Z');
const minutesAgo = (minutes: number) => new Date(now.getTime() - minutes * 60_000);
const aProcess = (rest: Partial<ServiceProcess> = {}): ServiceProcess => ({
  id: 'p-1',
  roles: ['api', 'worker', 'audit'],
  version: '1.0.0',
  host: 'web-1',
  pid: 7,
  startedAt: minutesAgo(60),
  lastSeenAt: now,
  clockSkewMs: 0,
  isSeen: true,
  detail: {},
  ...rest,
});
const facts = (rest: Partial<ServiceFacts> = {}): ServiceFacts => ({
  databaseTime: now,
  isEmbedded: false,
  processes: [aProcess()],
  overdue: { count: 0, schedules: [], blockers: [] },
  sinks: [],
  sequencer: { waiting: 0, oldestMs: 0 },
  log: { id: 'l-1', epoch: 1, size: 0, prunedTo: 0, signingKey: null, checkpoint: null },
  ...rest,
});
const overdue = (rest: Partial<ServiceFacts['overdue']> = {}): ServiceFacts['overdue'] => ({
  count: 1,
  schedules: [{ id: 's-1', flagKey: 'checkout', environment: 'production', dueAt: minutesAgo(5) } as Schedule & { dueAt: Date }],
  blockers: [],
  ...rest,
});
const causesOf = (rest: Partial<ServiceFacts>) => toServiceStatus(facts({ overdue: overdue(), ...rest })).overdueSchedules.causes;
const warningsOf = (rest: Partial<ServiceFacts>) => toServiceStatus(facts(rest)).warnings;

describe('what is wrong with a service', () => {
  it('is nothing where every role has a process and nothing waits', () => {
    expect(toServiceStatus(facts())).toMatchObject({
      warnings: [],
      missingRoles: [],
      overdueSchedules: { count: 0, oldestDueAt: null, latenessMs: 0, causes: [] },
    });
  });

  it('are the roles that nobody runs who is seen', () => {
    const processes = [aProcess({ roles: ['api'] }), aProcess({ roles: ['worker'], isSeen: false })];
    expect(warningsOf({ processes })).toEqual([
      'no process runs the role worker, so no schedule is applied: start one with ROLES=worker',
      'no process runs the role audit, so no event reaches the log and the sinks: start one with ROLES=audit',
    ]);
    expect(warningsOf({ processes: [], isEmbedded: true })).toEqual([
      'no service runs on the embedded database: start one with `flagtrail serve`',
    ]);
  });

  it('are events that wait for long, on the way to the log, on a disk, or for a sink', () => {
    const sink = { name: 'cloudwatch', position: 1, lag: 4, lastError: 'Throttled', lastErrorAt: now, updatedAt: now };
    expect(
      warningsOf({
        sequencer: { waiting: 3, oldestMs: 61_000 },
        sinks: [sink, { ...sink, name: 'retired', updatedAt: minutesAgo(11) }],
        processes: [aProcess({ detail: { spool: { waiting: 2, lost: 0, deadLetters: 3 } } })],
      }),
    ).toEqual([
      '3 events wait for a place in the log, the oldest for 61 s: see the log of the processes with the role audit',
      "sink 'cloudwatch' takes nothing, 4 events wait for it: Throttled",
      '2 events wait on the disk of web-1:7 (api, worker, audit), because the database did not take them',
      '3 events that were given up are in dead-letters.ndjson in the DATA_DIR of web-1:7 (api, worker, audit): look at the file, then move it away',
    ]);
  });

  it('are processes that sign no checkpoints, and why', () => {
    const signing = { refused: 'the reason', contradicts: null };
    expect(warningsOf({ processes: [aProcess({ detail: { signing } })] })).toEqual([
      'web-1:7 (api, worker, audit) signs no checkpoints: the reason',
    ]);
  });

  it('are schedules that are overdue: how many, since when, which, and why', () => {
    expect(warningsOf({ overdue: overdue({ count: 1000 }), processes: [] }).at(-1)).toBe(
      "1000 schedules or more are overdue, the oldest since 2026-03-01T08:55:00.000Z (flag 'checkout' in production): no worker has ever been seen",
    );
  });
});

describe('the causes of overdue schedules', () => {
  it('begin with the want of a worker, and say when the last one was seen', () => {
    const gone = aProcess({ roles: ['worker'], host: 'job-1', isSeen: false, lastSeenAt: minutesAgo(9) });
    expect(causesOf({ processes: [aProcess({ roles: ['api', 'audit'] }), gone] })).toEqual([
      'no worker has been seen lately; the last one was job-1:7 (worker) at 2026-03-01T08:51:00.000Z',
    ]);
  });

  it('name a lock, as far as one may see who holds it', () => {
    const hidden = { pid: 12, flagKeys: [], applicationName: null, userName: null, state: null, since: null };
    const known = {
      pid: 34,
      flagKeys: ['checkout'],
      applicationName: 'psql',
      userName: 'bob',
      state: 'idle in transaction',
      since: minutesAgo(5),
    };
    expect(causesOf({ overdue: overdue({ blockers: [known, hidden] }) })).toEqual([
      "flag 'checkout' is locked by database session 34 (psql, user bob, idle in transaction), in a transaction since 2026-03-01T08:55:00.000Z; to end it: SELECT pg_terminate_backend(34)",
      'a lock is held by database session 12; to end it: SELECT pg_terminate_backend(12)',
    ]);
  });

  it("name a worker's error, and clocks that differ", () => {
    const at = minutesAgo(1).toISOString();
    const failing = aProcess({ detail: { workerError: { message: 'permission denied', at } }, clockSkewMs: -90_000 });
    expect(causesOf({ processes: [failing] })).toEqual([
      `the worker web-1:7 (api, worker, audit) failed at ${at}: permission denied`,
      'clocks differ: web-1:7 (api, worker, audit) is 90.0 s behind the database, whose clock says what is due',
    ]);
  });

  it('say where to look when none is known', () => {
    expect(causesOf({})).toEqual(['no cause is known: see the log of web-1:7 (api, worker, audit), which should apply them']);
  });
});

describe("a clock's difference from the database's", () => {
  const at = (ms: number) => new Date(now.getTime() + ms);
  it.each([
    ['ahead', at(5000), at(0), at(5000), 5000],
    ['behind', at(-5000), at(0), at(-5000), -5000],
    ['in step, after a slow answer', at(0), at(3900), at(4000), 0],
    ['ahead by more than a slow answer explains', at(10_000), at(0), at(14_000), 10_000],
  ])('is found where it is %s', (_what, sentAt, databaseTime, receivedAt, skewMs) => {
    expect(measureSkewMs(sentAt, databaseTime, receivedAt)).toBe(skewMs);
  });
});
