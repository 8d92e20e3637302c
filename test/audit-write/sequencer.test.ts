import { randomBytes } from 'node:crypto';
import { pino } from 'pino';
import { v7 as uuidv7 } from 'uuid';
import { describe, expect, it } from 'vitest';
import { makeBus } from '../../src/audit/log/bus.ts';
import { makeSequencer } from '../../src/audit/log/sequencer.ts';
import { completeEvent } from '../../src/audit/model/audit-event.ts';
import { auditLoss } from '../../src/audit/model/audit-loss.ts';
import { splitLines } from '../../src/audit/model/entry.ts';
import { emitEntries, sequenceOutbox } from '../../src/audit/store/outbox.ts';
import { createPostgresDatabase, databases, openBeside } from '../support/databases.ts';
import { toTestLines } from '../support/log-entries.ts';
import { anAdmin } from '../support/spine.ts';
import { countEvents, readLog } from '../support/tables.ts';

const anEntry = (description: string, id = uuidv7()) =>
  toTestLines(
    completeEvent(
      {
        eventType: 'flag.created',
        actor: anAdmin().actor,
        flagKey: 'checkout',
        description,
        metadata: { flagKey: 'checkout', adminUserId: 'admin-a', adminEmail: null },
      },
      { id, now: new Date(), defaultEnvironment: 'production' },
    ),
  );

describe('several sequencers at once', () => {
  it('give concurrent writers’ events gapless positions: none lost, none doubled, those of one connection in order', async () => {
    const { url, sql } = await createPostgresDatabase();
    const open = async () => (await openBeside(url, 1)).prisma;
    const errors: unknown[] = [];
    const logger = pino({ level: 'error' }, { write: (line: string) => void errors.push(line) });
    const connections = await Promise.all(Array.from({ length: 4 }, open));
    const sequencers = connections.map((prisma) => {
      const bus = makeBus();
      // Small batches, and woken all the time, so that they meet.
      const sequencer = makeSequencer({ sequence: () => sequenceOutbox(prisma, 7), bus, logger });
      sequencer.start();
      return { sequencer, wake: () => bus.wake('outbox') };
    });

    const perWriter = 150;
    await Promise.all(
      [0, 1, 2, 3, 4, 5].map(async (writer) => {
        const prisma = await open();
        for (let n = 0; n < perWriter; n += 3) {
          const entries = [n, n + 1, n + 2].map((number) => anEntry(`${writer}:${number}`));
          await prisma.$transaction(async (tx) => expect(await emitEntries(tx, entries)).toBe(true));
          if (n % 15 === 0) {
            const rolledBack = prisma.$transaction(async (tx) => {
              await emitEntries(tx, [anEntry(`${writer}:never`)]);
              throw new Error('rolled back');
            });
            await expect(rolledBack).rejects.toThrow('rolled back');
          }
          for (const { wake } of sequencers) wake();
        }
      }),
    );
    await expect
      .poll(async () => {
        for (const { wake } of sequencers) wake();
        return (await sql('SELECT 1 FROM audit_outbox LIMIT 1')).length;
      })
      .toBe(0);
    await Promise.all(sequencers.map(({ sequencer }) => sequencer.stop()));

    const log = await readLog({ sql });
    expect(log).toHaveLength(6 * perWriter);
    const byWriter = Map.groupBy(log, ({ description }) => description.split(':')[0]);
    for (const events of byWriter.values()) {
      expect(events.map(({ description }) => description.split(':')[1])).toEqual(events.map((_, n) => `${n}`));
    }
    expect(errors).toEqual([]);
    expect(
      await sql('SELECT 1 FROM audit_log a JOIN audit_log b ON b.position = a.position + 1 WHERE b.sealed_at < a.sealed_at'),
    ).toEqual([]);
  });

  it('leave the one that holds the head alone, and wait for nobody', async () => {
    const { database, sql } = await createPostgresDatabase();
    await emitEntries(database.prisma, [anEntry('waiting')]);
    await sql('BEGIN');
    await sql('SELECT 1 FROM audit_head FOR UPDATE');
    expect(await sequenceOutbox(database.prisma, 10)).toBe(0);
    await sql('ROLLBACK');
    expect(await sequenceOutbox(database.prisma, 10)).toBe(1);
  });
});

describe.each(databases)('the log on $kind', ({ createDatabase }) => {
  it('refuses UPDATE, DELETE and TRUNCATE, also of rows that do not exist, and stays as it was', async () => {
    const { database, sql } = await createDatabase();
    await emitEntries(database.prisma, [anEntry('one'), anEntry('two')]);
    await sequenceOutbox(database.prisma, 10);
    const before = await readLog({ sql });
    for (const statement of [
      `UPDATE audit_log SET actor_id = 'somebody else'`,
      'UPDATE audit_log SET position = position WHERE false',
      'DELETE FROM audit_log',
      'DELETE FROM audit_log WHERE position = 2',
      'TRUNCATE audit_log',
      'TRUNCATE audit_log CASCADE',
    ]) {
      await expect(sql(statement), statement).rejects.toThrow('audit_log is append-only');
    }
    expect(await readLog({ sql })).toEqual(before);
  });

  it('keeps the exact bytes of an entry, and copies its fields into columns', async () => {
    const { database, sql } = await createDatabase();
    const event = completeEvent(
      {
        eventType: 'flag_schedule.applied',
        actor: { type: 'SYSTEM', id: 'system', name: 'ünï 🎏 "quoted" \\ \u2028', email: null },
        resource: { type: 'flag_schedule', id: 'r-1' },
        flagKey: 'checkout',
        scheduleId: '01900000-0000-7000-8000-000000000001',
        environment: 'staging',
        workspaceId: 'w-1',
        previousState: { b: 1e21, a: -0, nested: { z: null, y: [1.5, 'é', 0.1] } },
        description: 'numbers and text',
        metadata: {
          scheduleId: '01900000-0000-7000-8000-000000000001',
          flagKey: 'checkout',
          environment: 'staging',
          updates: {},
          scheduledAt: '2026-03-01T09:00:00.000Z',
          appliedAt: '2026-03-01T09:00:00.000Z',
          latenessMs: 0,
          flagState: {
            ...{ enabled: true, rolloutPercentage: 1, defaultVariant: null, rules: [], overrides: [] },
            ...{ experiment: null, emergency: null, status: 'ACTIVE', version: 1 },
          },
        },
        result: 'FAILURE',
        requestContext: { ipAddress: null, userAgent: null, requestId: 'req-1', sessionId: null, apiKeyId: null },
      },
      { id: uuidv7(), now: new Date('2026-03-01T09:00:00.123Z'), defaultEnvironment: 'production' },
    );
    const lines = toTestLines(event);
    await emitEntries(database.prisma, [lines]);
    await sequenceOutbox(database.prisma, 10);
    await readLog({ sql });
    const [row] = await sql('SELECT * FROM audit_log');
    expect(row).toMatchObject({
      entry: splitLines(lines).entry,
      id: event.id,
      occurred_at: new Date('2026-03-01T09:00:00.123Z'),
      event_type: 'flag_schedule.applied',
      actor_type: 'SYSTEM',
      actor_id: 'system',
      flag_key: 'checkout',
      schedule_id: event.scheduleId,
      environment: 'staging',
      workspace_id: 'w-1',
      resource_type: 'flag_schedule',
      resource_id: 'r-1',
      request_id: 'req-1',
      result: 'FAILURE',
    });
  });

  it('takes an event once, however often it comes: in one batch, and later', async () => {
    const { database, sql } = await createDatabase();
    const [twice, once] = [anEntry('twice'), anEntry('once')];
    await emitEntries(database.prisma, [twice, once, twice]);
    expect(await sequenceOutbox(database.prisma, 10)).toBe(3);
    await emitEntries(database.prisma, [twice]);
    await emitEntries(database.prisma, [anEntry('last')]);
    expect(await sequenceOutbox(database.prisma, 10)).toBe(2);
    expect((await readLog({ sql })).map(({ description }) => description)).toEqual(['twice', 'once', 'last']);
  });

  it('never goes back in time, though the database’s clock does: an entry is sealed no earlier than the one before it', async () => {
    const { database, sql } = await createDatabase();
    const ahead = new Date(Date.now() + 3_600_000);
    await sql('UPDATE audit_head SET sealed_at = $1', [ahead]);
    await emitEntries(database.prisma, [anEntry('one')]);
    await sequenceOutbox(database.prisma, 10);
    expect(await sql('SELECT sealed_at FROM audit_log UNION ALL SELECT sealed_at FROM audit_head')).toEqual([
      { sealed_at: ahead },
      { sealed_at: ahead },
    ]);
    await sql(`UPDATE audit_head SET sealed_at = now() - interval '1 hour'`);
    await emitEntries(database.prisma, [anEntry('two')]);
    await sequenceOutbox(database.prisma, 10);
    const [row] = await sql<{ recent: boolean }>(
      `SELECT sealed_at BETWEEN clock_timestamp() - interval '5 minutes' AND clock_timestamp() + interval '1 second' AS recent
       FROM audit_log WHERE position = 2`,
    );
    expect(row?.recent).toBe(true);
  });

  it('moves at most as many as it is told to, oldest first, whatever the clocks say that gave them their ids', async () => {
    const { database, sql } = await createDatabase();
    await emitEntries(
      database.prisma,
      [1, 2, 3, 4, 5].map((n) => anEntry(`${n}`, uuidv7({ msecs: Date.now() - n * 1000 }))),
    );
    expect([await sequenceOutbox(database.prisma, 2), await sequenceOutbox(database.prisma, 2)]).toEqual([2, 2]);
    expect((await readLog({ sql })).map(({ description }) => description)).toEqual(['1', '2', '3', '4']);
    expect(await countEvents({ sql })).toBe(5);
    expect([await sequenceOutbox(database.prisma, 2), await sequenceOutbox(database.prisma, 2)]).toEqual([1, 0]);
  });

  it('is kept at the door from what could not be moved: not one event of such a call is taken', async () => {
    const { database, sql } = await createDatabase();
    const good = JSON.parse(splitLines(anEntry('good')).entry);
    const loss = toTestLines(
      completeEvent(auditLoss({ reason: 'spool_full', count: 1, since: new Date(0), until: new Date(0) }), {
        ...{ id: uuidv7(), now: new Date(), defaultEnvironment: 'production' },
      }),
    );
    for (const bad of [
      'not JSON',
      '[]',
      JSON.stringify({ ...good, id: 'no UUID' }),
      JSON.stringify({ ...good, timestamp: 'some day' }),
      JSON.stringify({ ...good, scheduleId: 'no UUID' }),
      JSON.stringify({ ...good, environment: null }),
      JSON.stringify({ ...good, description: 'a\0b' }),
      // More than a tile can serve.
      JSON.stringify({ ...good, more: 'x'.repeat(65_536) }),
      // What the sequencer reads of a disclosure.
      loss.replace('"count":1', '"count":'),
      // More than an entry of a B-tree holds, and not to be compressed.
      JSON.stringify({ ...good, resource: { type: 'flag', id: randomBytes(3000).toString('base64') } }),
    ]) {
      expect(await emitEntries(database.prisma, [anEntry('beside it'), bad]), bad).toBe(false);
    }
    expect(await countEvents({ sql })).toBe(0);
  });
});
