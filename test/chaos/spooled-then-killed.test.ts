import path from 'node:path';
import { expect, it } from 'vitest';
import { openPGlite } from '../../src/adapters/prisma/database.ts';
import { migrate } from '../../src/adapters/prisma/migrate.ts';
import { anAdmin, makeSpine } from '../scheduling/spine.ts';
import { atTestEnd } from '../support/at-test-end.ts';
import { startProcess } from '../support/child-process.ts';
import { dataDirectory } from '../support/service.ts';

it('an event that was spooled when its process died before the commit never appears, whatever id the next transaction has', async () => {
  const dataDir = dataDirectory();
  const open = () => openPGlite(path.join(dataDir, 'pglite'));
  const first = await open();
  await migrate(first);
  const emit = (
    await first.prisma.$queryRaw<{ sql: string }[]>`SELECT pg_get_functiondef('audit_emit(text[])'::regprocedure) AS sql`
  )[0];
  await first.runScript(
    'CREATE OR REPLACE FUNCTION audit_emit(events text[]) RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$',
  );
  await first.close();

  const child = startProcess(new URL('./spooling-process.ts', import.meta.url), [dataDir]);
  await expect(child.nextMessage()).rejects.toThrow('SIGKILL');

  const second = await open();
  atTestEnd(() => second.close());
  await second.runScript(emit?.sql ?? '');
  const spine = await makeSpine(second, { dataDir });
  expect(spine.spool.counts()).toEqual({ spooled: 1, lost: 0 });
  // Transactions that do commit: a crash must not have given the dead one's id to one of them.
  for (const key of ['one', 'two', 'three', 'four']) await spine.createFlag(anAdmin(), { key, name: key });
  await spine.replay();
  await spine.replay();
  await spine.sequence();
  const entries = await second.prisma.auditLogEntry.findMany({ orderBy: { position: 'asc' } });
  expect(entries.map(({ flagKey }) => flagKey)).toEqual(['one', 'two', 'three', 'four']);
  expect(await second.prisma.flag.findUnique({ where: { key: 'never-committed' } })).toBeNull();
});
