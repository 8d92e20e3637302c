import { cpSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import canonicalize from 'canonicalize';
import { v7 as uuidv7 } from 'uuid';
import { expect, it } from 'vitest';
import { completeEvent } from '../../src/audit/model/audit-event.ts';
import { eraseSome } from '../../src/audit/store/erasures.ts';
import { migrate } from '../../src/database/migrate.ts';
import { defaultMigrationsFolder } from '../../src/database/migration-files.ts';
import { databases, type TestDatabase } from '../support/databases.ts';
import { toTestLines } from '../support/log-entries.ts';
import { temporaryFolder } from '../support/service.ts';
import { anAdmin, makeSpine } from '../support/spine.ts';
import { emitEntries, readLog } from '../support/tables.ts';

const [tree, forget] = ['20261122020000_tree', '20261122040000_forget'];
const sqlOf = (name: string) => readFileSync(path.join(defaultMigrationsFolder(), name, 'migration.sql'), 'utf8');

/** The migrations before one of them. */
const folderBefore = (limit: string): string => {
  const folder = temporaryFolder();
  const names = readdirSync(defaultMigrationsFolder()).filter((name) => name < limit || name.endsWith('.toml'));
  for (const name of names) cpSync(path.join(defaultMigrationsFolder(), name), path.join(folder, name), { recursive: true });
  return folder;
};
/** What the header says to run by hand. */
const undo = (): string => {
  const header =
    sqlOf(forget)
      .split('\n\n')[0]
      ?.replaceAll(/^-- {0,8}/gm, '') ?? '';
  const [, statements = ''] = /half erased; then\n(.*); then delete this/s.exec(header) ?? expect.unreachable();
  const [sequence = ''] = /CREATE OR REPLACE FUNCTION audit_sequence\(.*?END \$\$;/s.exec(sqlOf(tree)) ?? expect.unreachable();
  return `${sequence}\n${statements};`;
};

const by = (id: string) => ({
  eventType: 'flag.created',
  actor: anAdmin(id, `${id}@mail.example`).actor,
  description: 'made',
  metadata: { flagKey: 'x', adminUserId: id, adminEmail: `${id}@mail.example` },
});
const anEvent = () => completeEvent(by('ada'), { id: uuidv7(), now: new Date(), defaultEnvironment: 'production' });
const inClear = () => canonicalize(anEvent()) ?? expect.unreachable();
const sequence = ({ sql }: TestDatabase) => sql('SELECT audit_sequence(1000)');

const describeSchema = async ({ sql }: TestDatabase) => ({
  columns: await sql(`SELECT table_name, column_name, data_type, column_default FROM information_schema.columns
    WHERE table_schema = 'public' ORDER BY 1, 2`),
  indexes: await sql(`SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1`),
  triggers: await sql(`SELECT pg_get_triggerdef(oid) AS definition FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1`),
  functions: await sql(
    `SELECT pg_get_functiondef(oid) AS definition FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1`,
  ),
});

it.each(databases)(
  'a log of the releases before, on $kind, can be erased as far as it has disclosures, and pruned',
  async ({ createDatabase }) => {
    const db = await createDatabase({ migrated: false });
    await migrate(db.database, folderBefore(tree));
    await emitEntries(db, Array.from({ length: 300 }, inClear));
    await sequence(db);
    await migrate(db.database, folderBefore(forget));
    await emitEntries(db, [toTestLines(anEvent()), inClear()]);
    await sequence(db);
    await migrate(db.database);
    const spine = await makeSpine(db.database);
    expect(await spine.erasePerson(anAdmin(), { actorId: 'ada', reason: 'test' })).toMatchObject({ events: 1, notErasable: 301 });
    while (await eraseSome(db.database.prisma, 1000));
    expect((await readLog(db)).map(({ actor }) => actor.email).filter((email) => email === null)).toHaveLength(1);
    await db.sql('UPDATE audit_head SET pruned_to = 256');
    expect(await spine.log.count({ actorId: 'ada' })).toBe(46);
  },
);

it.each(databases)(
  'on $kind, the migration is undone by hand as its header says, and can be made again',
  async ({ createDatabase }) => {
    const db = await createDatabase({ migrated: false });
    await migrate(db.database, folderBefore(forget));
    const before = await describeSchema(db);
    await migrate(db.database);
    expect(await describeSchema(db)).not.toEqual(before);
    await db.database.runScript(undo());
    await db.sql('DELETE FROM _prisma_migrations WHERE migration_name = $1', [forget]);
    expect(await describeSchema(db)).toEqual(before);
    await emitEntries(db, [toTestLines(anEvent())]);
    await sequence(db);
    await migrate(db.database);
    await emitEntries(db, [toTestLines(anEvent())]);
    await sequence(db);
    expect(await readLog(db)).toHaveLength(2);
  },
);
