import { readFileSync } from 'node:fs';
import path from 'node:path';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { auditLoss } from '../../src/audit/model/audit-loss.ts';
import { makeAuditLog } from '../../src/audit/store/audit-log.ts';
import { sequenceOutbox } from '../../src/audit/store/outbox.ts';
import { composeEntries } from '../../src/compose/entries.ts';
import { atTestEnd } from '../support/at-test-end.ts';
import { breakages, breakEmit } from '../support/breakages.ts';
import { createPostgresDatabase } from '../support/databases.ts';
import { temporaryFolder } from '../support/service.ts';
import { anAdmin, newId } from '../support/spine.ts';
import { readLog } from '../support/tables.ts';

it('delivered and declared lost are what was produced: with a full spool, an outbox that refuses an event, and one without a form', async () => {
  const db = await createPostgresDatabase();
  const dataDir = temporaryFolder();
  const { spool, writer } = await composeEntries(
    { dataDir, maxSpoolBytes: 10_000, defaultEnvironment: 'production' },
    db.database,
    { clock: { now: () => new Date() }, newId, random: () => 0, logger: pino({ level: 'silent' }) },
    { onRecorded: () => {} },
  );
  atTestEnd(async () => {
    await writer.stop();
    spool.close();
  });
  let produced = 0;
  const produce = (flagKey: string, id?: string) => {
    produced++;
    writer.audit.logEvent({
      eventType: 'flag.created',
      actor: anAdmin().actor,
      description: 'x'.repeat(300),
      flagKey,
      metadata: { flagKey, adminUserId: null, adminEmail: null },
      ...(id !== undefined && { id }),
    });
  };
  const at = new Date();

  const returnsNull = breakages.find(({ title }) => title === 'returns null') ?? expect.unreachable();
  const repair = await breakEmit(db, returnsNull);
  for (let n = 1; n <= 40; n++) produce(`flag-${n}`);
  writer.start();
  await expect.poll(() => spool.counts().lost).toBeGreaterThan(0);
  const full = spool.counts().lost;
  await repair();
  await expect.poll(() => spool.counts(), { timeout: 10_000 }).toEqual({ spooled: 0, lost: 0 });

  // A rule of somebody else's that Flagtrail cannot know.
  await db.database.runScript(
    `ALTER TABLE audit_outbox ADD CONSTRAINT no_such_flag CHECK (event NOT LIKE '%"refused"%') NOT VALID`,
  );
  const refusedId = newId(at);
  produce('refused', refusedId);
  await expect
    .poll(
      () => {
        produce('taken');
        return spool.counts().lost + spool.counts().spooled === 0 && spool.deadLetters() === 1;
      },
      { timeout: 30_000, interval: 100 },
    )
    .toBe(true);

  produced++;
  writer.audit.logEvent(auditLoss({ reason: 'test', count: Number.NaN, since: at, until: at }));
  produced++;
  const application = { type: 'SERVICE_ACCOUNT', id: 'shop', name: null, email: null } as const;
  writer.audit.logEvent({ ...auditLoss({ reason: 'client_offline', count: 1000, since: at, until: at }), actor: application });
  await expect.poll(() => spool.counts().lost).toBe(0);
  await writer.stop();
  while ((await sequenceOutbox(db.database.prisma, 1000)) > 0);

  const log = await readLog(db);
  const own = log.filter(({ eventType, actor }) => eventType === 'audit.loss' && actor.type === 'SYSTEM');
  expect(own.map(({ metadata }) => metadata)).toMatchObject([
    { reason: 'spool_full', count: full },
    { reason: 'outbox_refused', count: 1, events: [{ id: refusedId, eventType: 'flag.created' }], more: 0 },
    { reason: 'event could not be written down', count: 1, events: [{ eventType: 'audit.loss' }], more: 0 },
  ]);
  expect(log.length - own.length + full + 2).toBe(produced);
  expect(await makeAuditLog(db.database.prisma).declaredLost()).toEqual({ flagtrail: full + 2, applications: 1000 });
  const letter = JSON.parse(readFileSync(path.join(dataDir, 'dead-letters.ndjson'), 'utf8'));
  expect(letter).toMatchObject({ reason: 'outbox_refused', id: refusedId, event: expect.stringContaining('"refused"') });
});
