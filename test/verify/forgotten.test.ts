import path from 'node:path';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { eraseSome } from '../../src/audit/store/erasures.ts';
import { exportBundleTo } from '../../src/cli/export-bundle.ts';
import { composeCommand } from '../../src/compose/command.ts';
import { readConfig } from '../../src/config/config.ts';
import { openOutput } from '../../src/process/output.ts';
import { aLogin } from '../support/attacked-log.ts';
import { createPGliteDatabase, type TestDatabase } from '../support/databases.ts';
import { emitEvents } from '../support/emit.ts';
import { logNameOf, makeLogSigner, readLeaves, signLog } from '../support/log-signer.ts';
import { temporaryFolder } from '../support/service.ts';
import { anAdmin, makeSpine, newId } from '../support/spine.ts';
import { runVerify } from '../support/verify-command.ts';

// What the service itself forgets, by its own commands, is no tampering.

const aLog = async () => {
  const database = await createPGliteDatabase();
  const spine = await makeSpine(database.database);
  const admin = anAdmin('officer');
  await emitEvents(
    database,
    Array.from({ length: 600 }, (_, n) => aLogin(n % 50)),
  );
  await spine.sequence();
  await spine.createFlag(admin, { key: 'checkout', name: 'Checkout' });
  await spine.sequence();
  const signer = makeLogSigner(await logNameOf(database));
  const sign = async (leaves?: readonly Buffer[]) => {
    const [head] = await database.sql<{ size: number }>('SELECT size FROM audit_head');
    await signLog(database, signer, [Number(head?.size)], { leaves });
  };
  await sign();
  const verify = async (args: readonly string[] = [], of: TestDatabase | null = database) =>
    JSON.parse((await runVerify([...args, '--key', signer.line, '--json'], { database: of ?? undefined })).out);
  const bundle = async () => {
    const folder = path.join(temporaryFolder(), 'bundle');
    await exportBundleTo({ folder, database: database.database, stderr: process.stderr, signal: new AbortController().signal });
    return verify(['--bundle', folder], null);
  };
  return { database, spine, admin, sign, verify, bundle };
};

describe('a log that forgot', () => {
  it('a person is good while the data is removed and afterwards, in the database and in a bundle', async () => {
    const { database, spine, admin, sign, verify, bundle } = await aLog();
    await spine.erasePerson(admin, { actorId: 'user-7', reason: 'asked for it' });
    // The event waits for its position, and nothing is removed yet.
    expect(await verify()).toMatchObject({ outcome: 'good', checked: { erased: 0 } });
    await spine.sequence();
    await sign();
    // Readers leave it out already, so a bundle must, too.
    expect(await bundle()).toMatchObject({ outcome: 'good', checked: { erased: 12 } });
    expect(await verify()).toMatchObject({ outcome: 'good', checked: { erased: 0 } });
    while (await eraseSome(database.database.prisma, 5));
    expect(await verify()).toMatchObject({ outcome: 'good', checked: { erased: 12 }, states: { flags: 1, notChecked: {} } });
    expect(await bundle()).toMatchObject({ outcome: 'good', checked: { erased: 12 } });
  });

  it('its old entries is good up to where it declares that, in the database and in a bundle', async () => {
    const { database, sign, verify, bundle } = await aLog();
    const leaves = await readLeaves(database);
    const surroundings = {
      ...{ clock: { now: () => new Date(Date.now() + 1000) }, newId, random: () => 0.5, logger: pino({ level: 'silent' }) },
      stdout: openOutput(process.stdout, { clock: { now: () => new Date() } }),
    };
    const config = readConfig({ DATA_DIR: temporaryFolder() }, { roles: [] });
    const command = await composeCommand(config, database.database, surroundings);
    const [last] = await database.sql<{ at: Date }>('SELECT sealed_at AS at FROM audit_log WHERE position = 600');
    const before = new Date((last?.at.getTime() ?? 0) + 1);
    const pruning = { before, dryRun: false, skippedSinks: [] };
    const pruned = await command.pruneLog(anAdmin('officer'), pruning, {
      onProgress: () => {},
      signal: new AbortController().signal,
    });
    await command.finish();
    expect(pruned).toMatchObject({ to: 512, isDone: true });
    expect(await verify()).toMatchObject({ outcome: 'good', checked: { pruned: 512 } });
    await sign([...leaves, ...(await readLeaves(database)).slice(-1)]);
    expect(await verify()).toMatchObject({ outcome: 'good', checked: { pruned: 512, entries: 90 }, states: { flags: 1 } });
    expect(await bundle()).toMatchObject({ outcome: 'good', checked: { pruned: 512, entries: 90 } });
  });
});
