import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { newSigningKey } from '../../src/transparency/signing/signing-key.ts';
import { aLogin } from '../support/attacked-log.ts';
import { createPostgresDatabase } from '../support/databases.ts';
import { emitEvents } from '../support/emit.ts';
import { logKey } from '../support/log-key.ts';
import { runCommand } from '../support/run-command.ts';
import { startTestService, temporaryFolder, token } from '../support/service.ts';
import { runVerify, startVerify } from '../support/verify-command.ts';

// The verifier against the service itself: what the one writes, signs and serves, the other reads.

const createFlag = 'mutation ($key: String!) { createFlag(input: { key: $key, name: $key }) { __typename } }';
const enable = `mutation ($key: String!) {
  updateFlagState(input: { flagKey: $key, updates: { enabled: true } }) { __typename ... on Error { message } }
}`;

const start = async () => {
  const database = await createPostgresDatabase();
  const service = await startTestService({ databaseUrl: database.url });
  const auditor = await token({ sub: 'eve', groups: ['auditor'] });
  const checkpoint = async () => {
    const response = await fetch(`${service.url}/log/checkpoint`, { headers: { authorization: `Bearer ${auditor}` } });
    const text = await response.text();
    return { text, size: response.ok ? Number(text.split('\n')[1]) : 0 };
  };
  const logSize = async () => Number((await database.sql<{ size: number }>('SELECT size FROM audit_head'))[0]?.size);
  /** Waits until everything is in the log, and signed. */
  const untilSigned = async (atLeast: number) => {
    await expect.poll(async () => (await checkpoint()).size).toBeGreaterThanOrEqual(atLeast);
    await expect.poll(async () => (await checkpoint()).size === (await logSize())).toBe(true);
    return checkpoint();
  };
  const keyOf = async () => {
    const file = path.join(temporaryFolder(), 'log.vkey');
    writeFileSync(file, `${(await database.sql<{ line: string }>('SELECT signing_key AS line FROM audit_head'))[0]?.line}\n`);
    return file;
  };
  return { database, service, auditor, untilSigned, keyOf };
};

describe('a running service', () => {
  it('is verified over HTTP and in its database, while it goes on, and what somebody changes there is found', async () => {
    const { database, service, auditor, untilSigned, keyOf } = await start();
    for (const key of ['checkout', 'search']) {
      await service.gql(createFlag, { key });
      await service.gql(enable, { key });
    }
    await emitEvents(
      database,
      Array.from({ length: 600 }, (_, n) => aLogin(n)),
    );
    const { text, size } = await untilSigned(604);
    const key = await keyOf();
    const pin = path.join(temporaryFolder(), 'pin.note');
    writeFileSync(pin, text);

    const served = await runVerify(['--url', service.url, '--token', auditor, '--key', key, '--pin', pin, '--json']);
    expect(JSON.parse(served.out)).toMatchObject({
      outcome: 'good',
      size,
      warnings: [],
      checked: { entries: size, pins: 1, undisclosed: 0 },
    });
    const stored = await runVerify(['--key', key, '--pin', pin, '--json'], { database });
    expect(JSON.parse(stored.out)).toMatchObject({ outcome: 'good', size, states: { flags: 2, states: 6, notChecked: {} } });

    const watch = startVerify(['--url', service.url, '--token', auditor, '--key', key, '--follow', '--every', '0.2']);
    await expect.poll(watch.out).toContain(`good: ${size} events`);
    await service.gql(createFlag, { key: 'more' });
    await expect.poll(watch.out).toMatch(/[1-9]\d* of them new\ngood: \d+ events, [1-9]/);
    watch.interrupt();
    await watch.done;

    await database.sql(
      "UPDATE feature_flag_states SET enabled = false WHERE enabled AND flag_id = (SELECT id FROM feature_flags WHERE key = 'search')",
    );
    const changed = await runVerify(['--key', key], { database });
    expect(changed).toMatchObject({
      exitCode: 1,
      out: expect.stringContaining("Flag 'search' in production: the log says that enabled is true"),
    });
  });

  it('serves nobody its entries who is not an auditor', async () => {
    const { service, untilSigned, keyOf } = await start();
    await service.gql(createFlag, { key: 'checkout' });
    await untilSigned(1);
    const { exitCode, out } = await runVerify(['--url', service.url, '--key', await keyOf()]);
    expect([exitCode, out]).toEqual([2, expect.stringContaining('give the token of an auditor with --token or FLAGTRAIL_TOKEN')]);
  });

  it('is good while its log is empty and signed, and where its key was changed for who knows the first key', async () => {
    const { database, service, untilSigned, keyOf } = await start();
    await expect.poll(async () => (await runVerify([], { database })).exitCode).toBe(0);
    await service.gql(createFlag, { key: 'checkout' });
    await untilSigned(1);
    const key = await keyOf();
    const next = path.join(temporaryFolder(), 'next.key');
    writeFileSync(next, newSigningKey());
    const settings = { DATABASE_URL: database.ownerUrl, LOG_SIGNING_KEY: logKey };
    expect(await runCommand(['log', 'rotate-key', '--to', next], settings)).toMatchObject({ code: 0 });
    await service.stop();
    const renewed = await startTestService({ databaseUrl: database.url, env: { LOG_SIGNING_KEY: next } });
    await renewed.gql(createFlag, { key: 'search' });
    const verified = async () => JSON.parse((await runVerify(['--key', key, '--json'], { database })).out);
    await expect.poll(async () => (await verified()).signedTo).toBe(3);
    expect(await verified()).toMatchObject({
      outcome: 'good',
      size: 3,
      keys: [expect.any(String), expect.any(String)],
      warnings: [],
    });
    // Who only knows the new key sees that an older one signed before.
    expect(await runVerify(['--key', await keyOf()], { database })).toMatchObject({
      exitCode: 0,
      err: expect.stringContaining('a later checkpoint that counts covers them'),
    });
  });
});
