import { expect, it } from 'vitest';
import { openDatabases } from '../../src/database/open-database.ts';
import { atTestEnd } from '../support/at-test-end.ts';
import { startProcess } from '../support/child-process.ts';
import { dataDirectory } from '../support/service.ts';
import { anAdmin, makeSpine } from '../support/spine.ts';

/** A process that has spooled and was killed, and the database as it left it, with everything in order again. */
const spoolAndKill = async (end: 'before-commit' | 'after-commit') => {
  const dataDir = await dataDirectory();
  const child = startProcess(new URL('./spooling-process.ts', import.meta.url), [dataDir, end]);
  await expect(child.nextMessage()).rejects.toThrow('SIGKILL');

  const place = { databaseUrl: null, databaseConnections: 1, dataDir };
  const { commands: database, close } = await openDatabases(place, { pools: 'one', schema: 'any' });
  atTestEnd(close);
  await database.runScript('DROP FUNCTION refuse_events CASCADE');
  const spine = await makeSpine(database, { dataDir });
  const readEntries = async () => {
    await spine.replay();
    await spine.replay();
    await spine.sequence();
    return database.prisma.auditLogEntry.findMany({ orderBy: { position: 'asc' } });
  };
  return { spine, prisma: database.prisma, readEntries };
};

it('an event that was spooled when its process died before the commit never appears, whatever id the next transaction has', async () => {
  const { spine, prisma, readEntries } = await spoolAndKill('before-commit');
  expect(spine.spool.counts()).toEqual({ spooled: 1, lost: 0 });
  // Transactions that do commit: a crash must not have given the dead one's id to one of them.
  for (const key of ['one', 'two', 'three', 'four']) await spine.createFlag(anAdmin(), { key, name: key });
  expect((await readEntries()).map(({ flagKey }) => flagKey)).toEqual(['one', 'two', 'three', 'four']);
  expect(await prisma.flag.findUnique({ where: { key: 'checkout' } })).toBeNull();
});

it('what a killed process had committed comes into the log before what the next process does to the same flag', async () => {
  const { spine, readEntries } = await spoolAndKill('after-commit');
  expect(spine.spool.counts()).toEqual({ spooled: 2, lost: 0 });
  await spine.updateFlagState(anAdmin(), { flagKey: 'checkout', environment: 'production', updates: { enabled: true } });
  expect((await readEntries()).map(({ eventType }) => eventType)).toEqual([
    'flag.created',
    'flag.rollout_changed',
    'flag.enabled',
  ]);
});
