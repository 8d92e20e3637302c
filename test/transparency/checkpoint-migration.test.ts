import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { migrate } from '../../src/database/migrate.ts';
import { defaultMigrationsFolder } from '../../src/database/migration-files.ts';
import { makeSignCheckpoint } from '../../src/transparency/signing/sign-checkpoint.ts';
import { makeCheckpoints } from '../../src/transparency/store/checkpoint-store.ts';
import { databases } from '../support/databases.ts';
import { growingLog } from '../support/growing-log.ts';
import { treeOfEntries } from '../support/leaves.ts';
import { migrationsBefore } from '../support/migrations.ts';

const name = '20261122030000_checkpoints';
const sql = readFileSync(path.join(defaultMigrationsFolder(), name, 'migration.sql'), 'utf8');
const [, undo = ''] = /^-- Undo: (.*?)^-- {8}then delete this migration's row/ms.exec(sql) ?? [];

it.each(databases)(
  'a log of an older release on $kind is signed as it is; the migration can be undone and made again',
  async ({ createDatabase }) => {
    const db = await createDatabase({ migrated: false });
    const untilThis = migrationsBefore(`${name}~`);
    await migrate(db.database, migrationsBefore(name));
    await growingLog(db).grow(3);
    await migrate(db.database, untilThis);
    const key = generateKeyPairSync('ed25519').privateKey;
    const sign = () => {
      const store = makeCheckpoints(db.database.prisma);
      return makeSignCheckpoint({ store, tree: treeOfEntries(db), key, clock: { now: () => new Date() } }).sign();
    };
    expect(await sign()).toMatchObject({ is: 'signed', checkpoint: { epoch: 1, size: 3 } });
    await db.database.runScript(undo.replaceAll(/^--/gm, ''));
    await db.sql('DELETE FROM _prisma_migrations WHERE migration_name = $1', [name]);
    await migrate(db.database, untilThis);
    expect(await sign()).toMatchObject({ is: 'signed', checkpoint: { epoch: 1, size: 3 } });
  },
);
