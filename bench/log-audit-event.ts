import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { pino } from 'pino';
import { type AuditEvent, createAuditClient } from '../src/client/main.ts';
import type { Bench } from './lab.ts';
import { percentile } from './statistics.ts';

const calls = 50_000;
/** One request of an application records no more events than this. */
const callsPerTurn = 20;

const sampleEvent = (index: number): AuditEvent => ({
  type: 'settings_changed',
  userId: `user-${index}`,
  userName: 'Ada Lovelace',
  userEmail: 'ada@example.com',
  workspaceId: 'workspace-1',
  ipAddress: '192.0.2.17',
  userAgent: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36',
  sessionId: 'session-1',
  requestId: `request-${index}`,
  action: 'update',
  resource: 'setting',
  resourceId: 'notifications',
  details: { source: 'profile page', steps: [1, 2, 3], confirmed: true, at: new Date() },
  previousValue: { email: true, push: false, digest: 'weekly' },
  newValue: { email: true, push: true, digest: 'daily' },
});

/** Measures what one call costs its caller. The reference is pino's info of the same event to /dev/null. */
export const benchLogAuditEvent: Bench = {
  name: 'log-audit-event',
  steps: (rounds) => 2 * rounds,
  run: async (_lab, { rounds, step }) => {
    const api = fork(new URL('audit-api-process.ts', import.meta.url));
    try {
      const [port] = await once(api, 'message');
      const logger = pino(pino.destination({ dest: '/dev/null', sync: true }));
      const ours: number[][] = [];
      const theirs: number[][] = [];
      for (let round = 1; round <= rounds; round++) {
        step(`logAuditEvent, round ${round}`);
        const audit = createAuditClient({ url: `http://127.0.0.1:${port}`, token: 'a-token' });
        ours.push(
          await timeCalls(
            (event) => audit.logAuditEvent(event),
            () => audit.stats().queued > 5000,
          ),
        );
        const isSent = await audit.close(30_000);
        if (!isSent || audit.stats().sent !== calls) throw new Error(`not all was sent: ${JSON.stringify(audit.stats())}`);
        step(`pino, round ${round}`);
        theirs.push(
          await timeCalls(
            (event) => logger.info(event, 'audit'),
            () => false,
          ),
        );
      }
      return [0.5, 0.99].map((share) => ({
        label: `logAuditEvent, p${share * 100}`,
        unit: 'µs',
        values: ours.map((times) => percentile(times, share)),
        reference: { label: `pino to /dev/null, p${share * 100}`, values: theirs.map((times) => percentile(times, share)) },
      }));
    } finally {
      api.kill();
    }
  },
};

/** Returns how long each call took, in microseconds. Meanwhile the client sends the events from the same process. */
const timeCalls = async (call: (event: AuditEvent) => void, isBusy: () => boolean): Promise<number[]> => {
  const times: number[] = [];
  while (times.length < calls) {
    for (let turn = 0; turn < callsPerTurn; turn++) {
      const event = sampleEvent(times.length);
      const startedAtMs = performance.now();
      call(event);
      times.push((performance.now() - startedAtMs) * 1000);
    }
    do await setImmediate();
    while (isBusy());
  }
  return times;
};
