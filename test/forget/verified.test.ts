import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { aLogin } from '../support/attacked-log.ts';
import { createPostgresDatabase } from '../support/databases.ts';
import { emitEvents } from '../support/emit.ts';
import { runCommand } from '../support/run-command.ts';
import { startTestService, temporaryFolder } from '../support/service.ts';
import { runVerify } from '../support/verify-command.ts';

const erase = `mutation ($actorId: String!) { erasePerson(input: { actorId: $actorId, reason: "request 17" }) {
  __typename ... on PersonErasure { events } ... on Error { message } } }`;
const logins = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => aLogin(from + n));

it('a log that a service erased people from, and a command pruned, verifies: nothing that went was tampered with', async () => {
  const database = await createPostgresDatabase();
  const service = await startTestService({ databaseUrl: database.url });
  const untilSigned = async () => {
    await expect.poll(() => database.sql('SELECT 1 FROM audit_outbox LIMIT 1')).toEqual([]);
    await expect
      .poll(() => database.sql('SELECT 1 FROM audit_head h JOIN audit_checkpoints c ON c.size = h.size AND c.epoch = h.epoch'), {
        timeout: 20_000,
      })
      .toHaveLength(1);
  };
  const verify = async () => {
    const file = path.join(temporaryFolder(), 'log.vkey');
    writeFileSync(file, `${(await database.sql<{ line: string }>('SELECT signing_key AS line FROM audit_head'))[0]?.line}\n`);
    const { out } = await runVerify(['--key', file, '--json'], { database });
    return JSON.parse(out);
  };
  await emitEvents(database, logins(0, 300));
  await untilSigned();
  const [{ before } = { before: new Date() }] = await database.sql<{ before: Date }>('SELECT clock_timestamp() AS before');
  await emitEvents(database, logins(300, 400), 1000);
  await untilSigned();
  const [{ actor } = { actor: '' }] = await database.sql<{ actor: string }>('SELECT actor_id AS actor FROM audit_log LIMIT 1');

  const { data } = await service.gql<{ erasePerson: { events: number } }>(erase, { actorId: actor });
  expect(data?.erasePerson.events).toBeGreaterThan(0);
  // What happened before, and comes only now, is stripped on its way.
  await emitEvents(database, logins(400, 500), 2000);
  await expect.poll(() => database.sql('SELECT 1 FROM audit_erasures WHERE done_to < up_to')).toEqual([]);
  await untilSigned();
  expect(await verify()).toMatchObject({ outcome: 'good', finding: null, checked: { pruned: 0 } });

  const args = ['prune', '--before', before.toISOString(), '--yes', '--by', 'alice'];
  const pruned = await runCommand(args, { DATABASE_URL: database.ownerUrl });
  expect(pruned).toMatchObject({ code: 0, err: 'Removed 256 entries, positions 1 to 256.\n' });
  await untilSigned();
  expect(await verify()).toMatchObject({ outcome: 'good', finding: null, checked: { pruned: 256 } });
});
