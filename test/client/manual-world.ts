import { setImmediate } from 'node:timers/promises';
import { v7 as uuidv7 } from 'uuid';
import { makeAuditClient } from '../../src/client/audit-client.ts';
import { type AuditClientOptions, toSettings } from '../../src/client/options.ts';
import type { World } from '../../src/client/world.ts';
import { atTestEnd } from '../support/at-test-end.ts';

const requestTimeoutMs = 9_999;

/** A client whose time passes only when the test says so, and whose log lines are kept; its requests are real. */
export const openClient = (
  { url }: { url: string },
  options: Partial<AuditClientOptions> = {},
  startAt = '2026-03-01T09:00:00Z',
) => {
  let now = Date.parse(startAt);
  let timers: { ms: number; dueAtMs: number; callback: () => void }[] = [];
  const startedAtMs = now;
  const world: World = {
    now: () => now,
    startTimer: (ms, callback) => {
      const timer = { ms, dueAtMs: now + ms, callback };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
    random: () => 0.5,
    newId: () => uuidv7({ msecs: now }),
  };
  const lines: { level: string; message: string; fields: Record<string, unknown> }[] = [];
  const log = (level: string) => (fields: object, message: string) => void lines.push({ level, message, fields: { ...fields } });
  const client = makeAuditClient(world);
  const configure = () =>
    client.configure(
      toSettings({ url, token: 'a-token', logger: { warn: log('warn'), error: log('error') }, requestTimeoutMs, ...options }),
    );
  configure();
  atTestEnd(async () => {
    const closed = client.close(0);
    timers.filter(({ ms }) => ms === 0).forEach(fire);
    await closed;
  });

  const isAsking = () => timers.some(({ ms }) => ms === requestTimeoutMs);
  const fire = (timer: (typeof timers)[number]) => {
    timers = timers.filter((other) => other !== timer);
    now = Math.max(now, timer.dueAtMs);
    timer.callback();
  };
  const fireNext = () => {
    const next = timers.toSorted((a, b) => a.dueAtMs - b.dueAtMs)[0];
    if (next) fire(next);
  };
  /** Lets time pass, from timer to timer but never during a request, until what is asked for has come about. */
  const until = async (hasComeAbout: () => boolean) => {
    while (!hasComeAbout()) {
      if (!isAsking()) fireNext();
      await setImmediate();
    }
  };
  return {
    client,
    configure,
    world,
    lines,
    until,
    /** Until everything is sent, refused or declared, and no request is under way. */
    untilIdle: () => until(() => !isAsking() && isIdle(client.stats())),
    /** Lets the time come for the next timer, also during a request. */
    fireNext,
    /** Until a request is under way. */
    untilAsking: () => until(isAsking),
    /** Lets the request under way take too long. */
    timeOut: () => timers.filter(({ ms }) => ms === requestTimeoutMs).forEach(fire),
    elapsedMs: () => now - startedAtMs,
    /** When the next timer is due, in ms from now; null: there is none. */
    nextTimerMs: () => (timers.length > 0 ? Math.min(...timers.map(({ dueAtMs }) => dueAtMs)) - now : null),
    isAsking,
  };
};

const isIdle = ({ queued, refused, dropped, declaredLost }: ReturnType<ReturnType<typeof makeAuditClient>['stats']>): boolean =>
  queued === 0 && refused + dropped === declaredLost;
