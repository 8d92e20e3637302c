import { pino } from 'pino';
import { expect, it } from 'vitest';
import { makeEventQueue } from '../../src/audit/entry/event-queue.ts';
import type { OutboxGate } from '../../src/audit/ports/outbox-gate.ts';
import { createPostgresDatabase } from '../support/databases.ts';
import { aLogEntry, linesOf } from '../support/log-entries.ts';
import { startTestService } from '../support/service.ts';
import { emitEntries } from '../support/tables.ts';

/** A queue before its first turn, with events in it. */
const aQueue = (record: (entries: readonly string[]) => Promise<boolean>) => {
  const spooled: string[] = [];
  const gate: OutboxGate = { admits: () => true, close: () => {}, spool: (entries) => void spooled.push(...entries) };
  const logger = pino({ level: 'silent' });
  const queue = makeEventQueue({ toEntry: ({ description }) => description, record, gate, onRecorded: () => {}, logger });
  const log = (description: string) =>
    queue.audit.logEvent({
      eventType: 'flag.viewed',
      actor: { type: 'USER', id: 'ada', name: null, email: null },
      flagKey: 'f',
      description,
      metadata: { flagKey: 'f' },
    } as Parameters<typeof queue.audit.logEvent>[0]);
  const entries = Array.from({ length: 1200 }, (_, n) => `event ${n}`);
  for (const entry of entries) log(entry);
  return { queue, entries, spooled };
};

it('what waits in the event queue when it stops is spooled where the database takes nothing', async () => {
  const { queue, entries, spooled } = aQueue(() => Promise.reject(new Error('gone')));
  await queue.stop();
  expect(spooled).toEqual(entries);
});

it('what is in the outbox when the service stops is in the log when it has stopped', async () => {
  const database = await createPostgresDatabase();
  const service = await startTestService({ databaseUrl: database.url, env: { ROLES: 'audit' } });
  // Without a wake-up: the sequencer would look again after half a second.
  await emitEntries(
    database,
    [1, 2, 3].map((id) => linesOf(aLogEntry(id))),
  );
  await service.stop();
  expect(
    await database.sql('SELECT (SELECT count(*) FROM audit_outbox) AS waiting, (SELECT size FROM audit_head) AS size'),
  ).toEqual([{ waiting: 0, size: 3 }]);
});
