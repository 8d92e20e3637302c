import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { ServiceStatus } from '../model/service-status.ts';
import { makeWatchLog } from './watch-log.ts';

const well: ServiceStatus = {
  databaseTime: new Date(0),
  processes: [],
  missingRoles: [],
  overdueSchedules: { count: 0, oldestDueAt: null, latenessMs: 0, causes: [], schedules: [] },
  sinks: [],
  sequencer: { waiting: 0, oldestMs: 0 },
  log: { id: 'l-1', epoch: 1, size: 0, prunedTo: 0, signingKey: null, checkpoint: null },
  warnings: [],
};
const overdue: ServiceStatus = {
  ...well,
  overdueSchedules: { count: 2, oldestDueAt: new Date(0), latenessMs: 90_000, causes: ['a reason'], schedules: [] },
};
const self = { host: 'web-1', pid: 7, roles: ['api'] as const, clockSkewMs: 0 };

/** What is logged of looks at the service, each some seconds after the start. */
const setUp = ({ isAlone = false } = {}) => {
  const messages: string[] = [];
  const logger = pino({ level: 'info' }, { write: (line: string) => void messages.push(JSON.parse(line).msg) });
  const time = { seconds: 0 };
  const report = makeWatchLog({ logger, clock: { now: () => new Date(time.seconds * 1000) }, isAlone });
  const look = (seconds: number, status: ServiceStatus, clockSkewMs = 0): string[] => {
    time.seconds = seconds;
    messages.length = 0;
    report(status, { ...self, clockSkewMs });
    return [...messages];
  };
  return { look };
};

describe('the log of looks at the service', () => {
  it('names what is overdue at most once a minute', () => {
    const { look } = setUp();
    const said = ['schedules are overdue: a reason'];
    expect([look(5, overdue), look(10, overdue), look(64, overdue), look(65, overdue), look(130, well)]).toEqual([
      said,
      [],
      [],
      said,
      [],
    ]);
  });

  it('names roles that nobody runs when that changes, once processes that start together have seen each other', () => {
    const { look } = setUp();
    const missing: ServiceStatus = { ...well, missingRoles: ['worker'], warnings: ['no worker', 'something else'] };
    expect([look(5, missing), look(31, missing), look(36, missing), look(41, well)]).toEqual([
      [],
      ['no worker'],
      [],
      ['every role has a process again'],
    ]);
    expect(setUp({ isAlone: true }).look(0, missing)).toEqual(['no worker']);
  });

  it('names a clock that is off once, again when it drifts further, and when it agrees again', () => {
    const { look } = setUp();
    const said = (seconds: string) => [
      `the clock of web-1:7 (api) is ${seconds} s ahead of the database's: synchronise both by NTP`,
    ];
    expect([1500, 2500, 4000, 13_000, 100].map((skewMs, i) => look(i * 5, well, skewMs))).toEqual([
      [],
      said('2.5'),
      [],
      said('13.0'),
      ["this process's clock agrees with the database's again"],
    ]);
  });
});
