import { describe, expect, it } from 'vitest';
import { matchesFilter } from '../../src/audit/model/audit-filter.ts';
import { makeAuditLog } from '../../src/audit/store/audit-log.ts';
import { migrate } from '../../src/database/migrate.ts';
import { databases, type TestDatabase } from '../support/databases.ts';
import { migrationsBefore } from '../support/migrations.ts';
import { anAdmin, makeSpine } from '../support/spine.ts';
import { emitEntries, readLog } from '../support/tables.ts';

const apiKeyId = '01900000-0000-7000-8000-00000000000a';
const from = (ipAddress: string | null, apiKeyId: string | null) => {
  const admin = anAdmin('ada');
  return { ...admin, requestContext: { ...admin.requestContext, ipAddress, apiKeyId } };
};

const list = async ({ database }: TestDatabase, filter: object) => {
  const entries = await makeAuditLog(database.prisma).list(filter, { limit: 50, inverted: false });
  return entries.map(({ event }) => event.flagKey);
};

describe.each(databases)('the log on $kind', ({ createDatabase }) => {
  it('is found by address and by API key, as events in memory are', async () => {
    const db = await createDatabase();
    const spine = await makeSpine(db.database);
    await spine.createFlag(from('192.0.2.7', null), { key: 'by-hand', name: 'x' });
    await spine.createFlag(from('192.0.2.7', apiKeyId), { key: 'by-key', name: 'x' });
    await spine.createFlag(from(null, null), { key: 'from-nowhere', name: 'x' });
    await spine.sequence();
    const events = await readLog(db);
    for (const [filter, expected] of [
      [{ ipAddress: '192.0.2.7' }, ['by-hand', 'by-key']],
      [{ apiKeyId }, ['by-key']],
      [{ ipAddress: '192.0.2.7', apiKeyId }, ['by-key']],
      [{ ipAddress: '192.0.2' }, []],
    ] as const) {
      expect([filter, await list(db, filter)]).toEqual([filter, expected]);
      expect(events.filter((event) => matchesFilter(event, filter)).map(({ flagKey }) => flagKey)).toEqual(expected);
      expect(await makeAuditLog(db.database.prisma).count(filter)).toBe(expected.length);
    }
  });

  it('of the release before keeps its entries as they are; its flags learn from it who created them', async () => {
    const db = await createDatabase({ migrated: false });
    await migrate(db.database, migrationsBefore('20261121090000_last_settings'));
    const entry = (id: string, flagId: string, actor: string | null) =>
      JSON.stringify({
        id,
        timestamp: '2026-01-01T00:00:00.000Z',
        eventType: 'flag.created',
        actor: { type: 'USER', id: actor ?? 'unknown', name: null, email: null },
        environment: 'production',
        result: 'SUCCESS',
        flagKey: flagId,
        resource: { type: 'flag', id: flagId },
        requestContext: { ipAddress: '192.0.2.7', apiKeyId },
        metadata: { adminUserId: actor },
      });
    const ids = ['1', '2', '3', '4'].map((n) => `01900000-0000-7000-8000-00000000000${n}`);
    const [logged, waiting, nameless, unheard] = ids;
    for (const id of ids) {
      await db.sql('INSERT INTO feature_flags (id, key, name, created_at, updated_at) VALUES ($1::uuid, $2, $2, now(), now())', [
        id,
        id,
      ]);
    }
    const emit = (text: string) => emitEntries(db, [text]);
    await emit(entry('01900000-0000-7000-8000-0000000000a1', logged ?? '', 'ada'));
    await emit(entry('01900000-0000-7000-8000-0000000000a2', nameless ?? '', null));
    await db.sql('SELECT audit_sequence(10)');
    await emit(entry('01900000-0000-7000-8000-0000000000a3', waiting ?? '', 'grace'));
    const before = await db.sql('SELECT position, entry, leaf_hash FROM audit_log ORDER BY position');

    await migrate(db.database);
    expect(await db.sql('SELECT position, entry, leaf_hash FROM audit_log ORDER BY position')).toEqual(before);
    const creators = await db.sql('SELECT id, created_by FROM feature_flags ORDER BY id');
    expect(creators).toEqual([
      { id: logged, created_by: 'ada' },
      { id: waiting, created_by: 'grace' },
      { id: nameless, created_by: null },
      { id: unheard, created_by: null },
    ]);
    expect(await list(db, { flagKey: logged })).toEqual([logged]);
    // Only what is sequenced from now on has the columns.
    expect(await list(db, { ipAddress: '192.0.2.7' })).toEqual([]);
    await db.sql('SELECT audit_sequence(10)');
    expect(await list(db, { ipAddress: '192.0.2.7' })).toEqual([waiting]);
    expect(await list(db, { apiKeyId })).toEqual([waiting]);
  });
});
