import { v7 as uuidv7 } from 'uuid';
import { describe, expect, it } from 'vitest';
import { completeEvent } from '../../src/audit/model/audit-event.ts';
import { eraseSome } from '../../src/audit/store/erasures.ts';
import { databases, type TestDatabase } from '../support/databases.ts';
import { toTestLines } from '../support/log-entries.ts';
import { anAdmin, makeSpine } from '../support/spine.ts';
import { emitEntries, readLog } from '../support/tables.ts';

/** A log of a tile and some more. */
const fill = async (db: TestDatabase, count = 300) => {
  const { actor } = anAdmin('ada', 'ada@mail.example');
  const draft = {
    eventType: 'flag.created',
    actor,
    description: 'x',
    metadata: { flagKey: 'x', adminUserId: 'ada', adminEmail: 'ada@mail.example' },
  };
  const linesOf = () => toTestLines(completeEvent(draft, { id: uuidv7(), now: new Date(), defaultEnvironment: 'production' }));
  await emitEntries(db, Array.from({ length: count }, linesOf));
  const spine = await makeSpine(db.database);
  await spine.sequence();
  return spine;
};

describe.each(databases)('even the owner of the tables, on $kind,', ({ createDatabase }) => {
  it('can neither change, nor delete, nor empty what the log consists of', async () => {
    const db = await createDatabase();
    await fill(db);
    const before = await readLog(db);
    for (const statement of [
      `UPDATE audit_log SET flag_key = 'other' WHERE position = 1`,
      'UPDATE audit_log SET position = position WHERE position = 1',
      'DELETE FROM audit_log WHERE position = 300',
      'TRUNCATE audit_log',
      `UPDATE audit_tiles SET hashes = ''`,
      'DELETE FROM audit_tiles',
      'TRUNCATE audit_tiles',
      `UPDATE audit_disclosures SET disclosures = replace(disclosures, 'ada', 'eve') WHERE position = 1`,
      `UPDATE audit_disclosures SET disclosures = ''`,
      'UPDATE audit_disclosures SET disclosures = audit_forget(disclosures) WHERE position = 1',
      'DELETE FROM audit_disclosures WHERE position = 1',
      'TRUNCATE audit_disclosures',
    ])
      await expect(db.sql(statement), statement).rejects.toThrow(/append-only|can only be forgotten/);
    expect(await readLog(db)).toEqual(before);
  });

  it('can only forget disclosures of a person while an erasure of that person is on record', async () => {
    const db = await createDatabase();
    const spine = await fill(db, 3);
    await spine.createFlag(anAdmin('bob', 'bob@mail.example'), { key: 'bobs', name: 'bobs' });
    await spine.sequence();
    await spine.erasePerson(anAdmin(), { actorId: 'ada', reason: 'test' });
    await expect(db.sql(`UPDATE audit_disclosures SET disclosures = '' WHERE position = 1`)).rejects.toThrow(
      'can only be forgotten',
    );
    const forget = 'UPDATE audit_disclosures SET disclosures = audit_forget(disclosures), ip_address = NULL WHERE position = $1';
    await expect(db.sql(forget, [4])).rejects.toThrow('can only be forgotten');
    await db.sql(forget, [1]);
    while (await eraseSome(db.database.prisma, 1000));
    // It is over.
    await expect(db.sql(forget, [2])).rejects.toThrow('can only be forgotten');
  });

  it('can only prune whole tiles that are full', async () => {
    const db = await createDatabase();
    await fill(db);
    for (const wrong of [-256, 1, 300, 512])
      await expect(db.sql('UPDATE audit_head SET pruned_to = $1', [wrong]), `${wrong}`).rejects.toThrow('audit_head_pruned_to');
    await db.sql('UPDATE audit_head SET pruned_to = 256');
    await expect(db.sql('DELETE FROM audit_log WHERE position <= 257')).rejects.toThrow('position 257 is not pruned');
    await expect(db.sql('DELETE FROM audit_disclosures WHERE position <= 257')).rejects.toThrow('position 257 is not pruned');
    await db.sql('DELETE FROM audit_log WHERE position <= 256');
    await db.sql('DELETE FROM audit_disclosures WHERE position <= 256');
  });
});
