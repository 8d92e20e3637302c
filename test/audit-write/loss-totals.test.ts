import { v7 as uuidv7 } from 'uuid';
import { expect, it } from 'vitest';
import { type AuditEvent, completeEvent, type EventDraft } from '../../src/audit/model/audit-event.ts';
import { auditLoss } from '../../src/audit/model/audit-loss.ts';
import { makeAuditLog } from '../../src/audit/store/audit-log.ts';
import { emitEntries, sequenceOutbox } from '../../src/audit/store/outbox.ts';
import { migrate } from '../../src/database/migrate.ts';
import { createPostgresDatabase, databases, type TestDatabase } from '../support/databases.ts';
import { toTestLines } from '../support/log-entries.ts';
import { migrationsBefore } from '../support/migrations.ts';
import { logSize } from '../support/tables.ts';

const totals = '20261121200300_loss_totals';

const now = new Date();
const lossOf = (count: number, { id = uuidv7(), byApplication = false, toText = toTestLines } = {}) => {
  const draft: EventDraft = auditLoss({ reason: 'spool_full', count, since: now, until: now });
  const actor = { type: 'SERVICE_ACCOUNT', id: 'shop', name: null, email: null } as const;
  return toText(completeEvent(byApplication ? { ...draft, actor } : draft, { id, now, defaultEnvironment: 'production' }));
};

/** As releases before disclosures wrote it. */
const inOldForm = (event: AuditEvent): string => JSON.stringify(event);

const declare = async ({ database }: TestDatabase, ...entries: string[]) => {
  expect(await emitEntries(database.prisma, entries)).toBe(true);
  await sequenceOutbox(database.prisma, 1000);
};
const lostIn = ({ database }: TestDatabase) => makeAuditLog(database.prisma).declaredLost();

it.each(databases)(
  'the totals of what was lost begin with what an older log on $kind declares, and grow with each entry once',
  async ({ createDatabase }) => {
    const db = await createDatabase({ migrated: false });
    await migrate(db.database, migrationsBefore(totals));
    await declare(
      db,
      ...[7, 5].map((count) => lossOf(count, { toText: inOldForm })),
      lossOf(1000, { byApplication: true, toText: inOldForm }),
    );
    await migrate(db.database);
    expect(await lostIn(db)).toEqual({ flagtrail: 12, applications: 1000 });

    const id = uuidv7();
    await declare(db, lossOf(30, { id }), lossOf(2000, { byApplication: true }));
    await declare(db, lossOf(30, { id }), lossOf(1));
    expect(await lostIn(db)).toEqual({ flagtrail: 43, applications: 3000 });
  },
);

it.each(databases)(
  'an entry on $kind that declares no count, or one beyond all bounds, does not stop the log',
  async ({ createDatabase }) => {
    const db = await createDatabase();
    const withCount = (count: unknown) => {
      const entry = JSON.parse(lossOf(1, { toText: inOldForm }));
      return JSON.stringify({ ...entry, metadata: { ...entry.metadata, count } });
    };
    await declare(db, withCount('many'), withCount(-3), withCount(1e300), withCount(undefined), lossOf(2));
    expect(await logSize(db)).toBe(5);
    expect(await lostIn(db)).toEqual({ flagtrail: 1_000_000_000_000_002, applications: 0 });
  },
);

it('the totals are there while nobody can read the log: they cost the same however long it is', async () => {
  const db = await createPostgresDatabase();
  await declare(db, lossOf(4));
  await db.sql('BEGIN');
  await db.sql('LOCK TABLE audit_log IN ACCESS EXCLUSIVE MODE');
  expect(await lostIn(db)).toEqual({ flagtrail: 4, applications: 0 });
  await db.sql('ROLLBACK');
});
