import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Query } from '../../src/verify/database-source.ts';
import { exitCodeOf } from '../../src/verify/report.ts';
import { verifyDatabase } from '../../src/verify/verify.ts';
import { aLogin, makeSignedLog, type SignedLog } from '../support/attacked-log.ts';
import { type EventFields, emitEvents } from '../support/emit.ts';
import { leafOf, logNameOf, makeLogSigner, readLeaves, rootOf, signLog } from '../support/log-signer.ts';

// What the service itself does to a log, and what an honest log can hold. Each test is undone.

let log: SignedLog;
beforeAll(async () => {
  log = await makeSignedLog();
});
const sql = (text: string, params: readonly unknown[] = []) => log.database.sql(text, params);
beforeEach(async () => {
  await sql('BEGIN');
  await sql('SET LOCAL session_replication_role = replica');
});
afterEach(async () => void (await sql('ROLLBACK')));

const verify = ({ pins = [], keys = [log.signer.line] }: { pins?: readonly string[]; keys?: readonly string[] } = {}) => {
  const query: Query = (text, ...params) => sql(text, params) as never;
  return verifyDatabase(query, { keys, pins: pins.map((note, n) => ({ name: `pin ${n + 1}`, note })) });
};

/** Records an event as the service does, and returns its position. */
const record = async (fields: EventFields): Promise<number> => {
  const [{ size } = { size: 0 }] = await log.database.sql<{ size: number }>('SELECT size FROM audit_head');
  await emitEvents(log.database, [fields], 5000 + size);
  await sql('SELECT audit_sequence(1000)');
  return size + 1;
};
const act = (eventType: string, metadata: EventFields['metadata'], actorId = 'ada'): EventFields => ({
  ...{ eventType: eventType as never, metadata: { ...metadata, adminUserId: actorId, adminEmail: `${actorId}@example.com` } },
  ...{ actor: { type: 'USER', id: actorId, name: actorId, email: null }, resource: { type: 'audit_log', id: 'audit_log' } },
  ...{ flagKey: null, previousState: null, newState: null, changes: [], description: eventType },
});

describe('a pruned log', () => {
  const allLeaves = async () => [...log.leaves, ...(await readLeaves(log.database)).slice(-1)];

  it('is good up to where the log itself declares it, and what nobody can tell any more is counted', async () => {
    for (const table of ['audit_log', 'audit_disclosures']) await sql(`DELETE FROM ${table} WHERE position <= 256`);
    await sql('UPDATE audit_head SET pruned_to = 256');
    const position = await record(act('log.pruned', { before: '2026-01-01T00:00:00.000Z', prunedTo: 256, entries: 256 }));
    await signLog(log.database, log.signer, [position], { leaves: await allLeaves() });
    const report = await verify({ pins: [log.notes[0] ?? '', log.notes[1] ?? ''] });
    expect(report).toMatchObject({ outcome: 'good', finding: null, checked: { pruned: 256, entries: position - 256, tiles: 2 } });
    expect(report.states).toMatchObject({
      notChecked: { 'nothing is left of their events: they were pruned': expect.any(Number) },
    });
    expect(report.states?.states).toBe(1);
  });

  it('is tampered with where entries are missing beyond that', async () => {
    for (const table of ['audit_log', 'audit_disclosures']) await sql(`DELETE FROM ${table} WHERE position <= 512`);
    await sql('UPDATE audit_head SET pruned_to = 512');
    const position = await record(act('log.pruned', { prunedTo: 256 }));
    await signLog(log.database, log.signer, [position], { leaves: await allLeaves() });
    expect((await verify()).finding).toMatchObject({ kind: 'pruned', from: 257, to: 512 });
  });
});

/** Prunes the first two tiles by an event, and signs the end; `prunedTo` is what the event declares. */
const prune = async ({ prunedTo = 512, signer = log.signer, epoch = 1 } = {}) => {
  const leaves = await readLeaves(log.database);
  for (const table of ['audit_log', 'audit_disclosures']) await sql(`DELETE FROM ${table} WHERE position <= 512`);
  await sql('UPDATE audit_head SET pruned_to = 512');
  const position = await record(act('log.pruned', { prunedTo }));
  await signLog(log.database, signer, [position], { leaves: [...leaves, ...(await readLeaves(log.database)).slice(-1)], epoch });
  return position;
};

describe('a log that was pruned late', () => {
  it('is good where the events that declared its epoch are pruned', async () => {
    const leaves = await readLeaves(log.database);
    await sql('DELETE FROM audit_checkpoints WHERE size > 300');
    await signLog(log.database, log.signer, [400, 540], { epoch: 2, leaves });
    const position = await prune({ epoch: 2 });
    expect(await verify()).toMatchObject({ outcome: 'good', finding: null, signedTo: position });
  });

  it('could not be checked by who knows the first key, where the hand-over is pruned, and is good for who knows the later one', async () => {
    const next = makeLogSigner(log.signer.name);
    await sql('DELETE FROM audit_checkpoints WHERE size > 300');
    await signLog(log.database, next, [540]);
    const position = await prune({ signer: next });
    const report = await verify();
    expect([exitCodeOf(report), report.reason]).toEqual([
      2,
      expect.stringContaining('among those that were pruned; give that key'),
    ]);
    expect(await verify({ keys: [log.signer.line, next.line] })).toMatchObject({ outcome: 'good', signedTo: position });
  });

  it('is tampered with where an early event declared more than it could see', async () => {
    const early = await record(act('log.pruned', { prunedTo: 1_000_000 }));
    await record(aLogin(1));
    await signLog(log.database, log.signer, [early + 1]);
    for (const table of ['audit_log', 'audit_disclosures']) await sql(`DELETE FROM ${table} WHERE position <= 512`);
    await sql('UPDATE audit_head SET pruned_to = 512');
    expect((await verify()).finding).toMatchObject({ kind: 'pruned', from: 1, to: 512 });
  });

  it('is tampered with where the table of erasures hides somebody without an event, who is not pruned', async () => {
    await prune();
    await sql("INSERT INTO audit_erasures VALUES ('user-7', now(), 512, 0, 1, 0)");
    expect(await verify()).toMatchObject({ outcome: 'good' });
    await sql('UPDATE audit_erasures SET up_to = 560');
    expect((await verify()).finding).toMatchObject({ kind: 'disclosure', sentence: expect.stringContaining("'user-7'") });
  });
});

describe('a person who was erased', () => {
  const erase = (position: number) =>
    sql(
      `UPDATE audit_disclosures SET ip_address = NULL, disclosures = (SELECT string_agg(line, E'\n') FROM string_to_table(disclosures, E'\n') AS line
         WHERE line !~ '^\\["[^"]*","(name|email|ipAddress|userAgent|description)"') WHERE position = $1`,
      [position],
    );
  const actorAt = async (position: number) =>
    (await log.database.sql<{ actor_id: string }>('SELECT actor_id FROM audit_log WHERE position = $1', [position]))[0]
      ?.actor_id ?? '';

  it('is missing from a good log, which declares it', async () => {
    await erase(50);
    const position = await record(act('person.erased', { actorId: await actorAt(50), reason: 'asked for it', events: 1 }));
    await signLog(log.database, log.signer, [position]);
    expect(await verify()).toMatchObject({ outcome: 'good', checked: { erased: 1 } });
  });

  it('is missing from a good log also while the event that declares it waits for its position', async () => {
    await erase(50);
    await emitEvents(
      log.database,
      [act('person.erased', { actorId: await actorAt(50), reason: 'asked for it', events: 1 })],
      9000,
    );
    const report = await verify();
    expect(report).toMatchObject({ outcome: 'good', checked: { erased: 1 } });
    expect(report.warnings).toContainEqual(
      expect.stringContaining('events that have no position yet (1), so nothing signs them'),
    );
  });

  describe('of whom an older release wrote', () => {
    beforeEach(async () => {
      const entry = JSON.stringify({ ...oldEvent, requestContext: { ipAddress: '192.0.2.1', requestId: null, apiKeyId: 'k' } });
      await sql('SELECT audit_emit($1::text[])', [[entry]]);
      await sql('SELECT audit_sequence(1000)');
      // As the column was filled then; the other one is what the erasure empties.
      await sql("UPDATE audit_log SET ip_address = '192.0.2.1' WHERE position = $1", [log.size + 1]);
      await sql('UPDATE audit_disclosures SET ip_address = NULL WHERE position = $1', [log.size + 1]);
    });

    it('keeps what that entry says, and loses the address by which it was found', async () => {
      const position = await record(act('person.erased', { actorId: 'eve', reason: 'asked for it', events: 0 }));
      await signLog(log.database, log.signer, [position]);
      expect(await verify()).toMatchObject({ outcome: 'good', checked: { erased: 1, oldEntries: 1 } });
    });

    it('does not lose it without an event', async () => {
      await signLog(log.database, log.signer, [log.size + 1]);
      expect((await verify()).finding).toMatchObject({ kind: 'disclosure', from: log.size + 1 });
    });
  });

  it('is not somebody else', async () => {
    await erase(50);
    await signLog(log.database, log.signer, [
      await record(act('person.erased', { actorId: 'somebody else', reason: '', events: 1 })),
    ]);
    expect((await verify()).finding).toMatchObject({ kind: 'disclosure', from: 50 });
  });
});

describe('a log whose key was rotated', () => {
  const rotate = async (handover: (next: ReturnType<typeof makeLogSigner>) => string) => {
    const next = makeLogSigner(log.signer.name);
    const position = await record(
      act('log.key_rotated', { previousKey: log.signer.line, newKey: next.line, handover: handover(next) }),
    );
    await signLog(log.database, next, [position]);
    return next;
  };

  it('is good for who knows the first key, because that key signed the hand-over', async () => {
    const next = await rotate(({ line }) => log.signer.handover(line));
    const report = await verify();
    expect(report).toMatchObject({ outcome: 'good', signedTo: log.size + 1, keys: [log.signer.line, next.line], warnings: [] });
  });

  it('is good for who knows the later key, because a checkpoint of that covers the earlier ones', async () => {
    const next = await rotate(({ line }) => log.signer.handover(line));
    const report = await verify({ keys: [next.line] });
    expect(report).toMatchObject({
      outcome: 'good',
      warnings: [expect.stringContaining('4 checkpoints are signed by a key that is not known')],
    });
  });

  it('is good for who knows no key, and the earlier key is learnt from the hand-over', async () => {
    const next = await rotate(({ line }) => log.signer.handover(line));
    expect(await verify({ keys: [] })).toMatchObject({ outcome: 'good', keys: [next.line, log.signer.line] });
  });

  it('is good for who knows no key, while the later key has signed nothing yet', async () => {
    const next = makeLogSigner(log.signer.name);
    const handover = log.signer.handover(next.line);
    await record(act('log.key_rotated', { previousKey: log.signer.line, newKey: next.line, handover }));
    await sql('UPDATE audit_head SET signing_key = $1', [next.line]);
    const report = await verify({ keys: [] });
    expect(report).toMatchObject({ outcome: 'good', signedTo: log.size, keys: [next.line, log.signer.line] });
    expect(report.warnings).not.toContainEqual(expect.stringContaining('a key that is not known here'));
  });

  it.each([
    ['another key signed the hand-over', (next: ReturnType<typeof makeLogSigner>) => next.handover(next.line)],
    ['the hand-over is to a third key', () => log.signer.handover(makeLogSigner(log.signer.name).line)],
    ['the hand-over is to a key of another log', () => log.signer.handover(makeLogSigner('flagtrail/another').line)],
    ['a checkpoint stands in its place', () => log.notes[0] ?? ''],
  ])('is tampered with where %s', async (_what, handover) => {
    await rotate(handover);
    expect((await verify()).finding).toMatchObject({ kind: 'key', from: log.size + 1, to: log.size + 1 });
  });
});

describe('a log with a second epoch', () => {
  it('is good where the log declares it; a pin of the first epoch that it no longer holds is named with that', async () => {
    const position = await record(act('log.epoch_started', { epoch: 2, size: log.size, reason: 'a restore' }));
    await sql('UPDATE audit_head SET epoch = 2');
    await signLog(log.database, log.signer, [position], { epoch: 2 });
    expect(await verify()).toMatchObject({ outcome: 'good', signedTo: position });
    const lost = log.signer.checkpoint(position, rootOf([leafOf('x')]), await logNameOf(log.database));
    const { finding } = await verify({ pins: [lost] });
    expect(finding).toMatchObject({
      kind: 'root',
      sentence: expect.stringContaining(`The log declares at position ${position} that epoch 2 began`),
    });
  });
});

it('says how much of the log is not signed yet', async () => {
  const position = await record(aLogin(1));
  const report = await verify();
  expect([exitCodeOf(report), report.signedTo]).toEqual([0, position - 1]);
  expect(report.warnings).toEqual([
    `The last 1 events are not signed yet: no checkpoint covers positions ${position} to ${position}.`,
  ]);
});

it('compares no state of a flag whose event waits for its position', async () => {
  // As a transaction does it: the state and the event together.
  await sql('UPDATE feature_flag_states SET enabled = false, version = version + 1 WHERE rollout_percentage = 25');
  await emitEvents(log.database, [act('flag.disabled', {}), { ...act('flag.disabled', {}), flagKey: 'checkout' }], 7000);
  const report = await verify();
  expect(report.states).toMatchObject({ flags: 1, notChecked: { 'an event about them waits for its position': 5 } });
});

it('finds the event that explains a state, however many wait for their positions', async () => {
  await sql('UPDATE feature_flag_states SET enabled = false, version = version + 1 WHERE rollout_percentage = 25');
  await emitEvents(log.database, [aLogin(1)], 6000);
  await sql('INSERT INTO audit_outbox (event) SELECT event FROM audit_outbox, generate_series(1, 10000)');
  await emitEvents(log.database, [{ ...act('flag.disabled', {}), flagKey: 'checkout' }], 7000);
  expect(await verify()).toMatchObject({ outcome: 'good', states: { flags: 1 } });
});

it('verifies entries of the form from before disclosures', async () => {
  const entry = JSON.stringify({ ...oldEvent, requestContext: { ipAddress: '192.0.2.1', requestId: null, apiKeyId: 'k' } });
  await sql('SELECT audit_emit($1::text[])', [[entry]]);
  await sql('SELECT audit_sequence(1000)');
  await sql('UPDATE audit_log SET api_key_id = NULL WHERE position = $1', [log.size + 1]);
  await signLog(log.database, log.signer, [log.size + 1]);
  expect(await verify()).toMatchObject({ outcome: 'good', checked: { oldEntries: 1, entries: log.size + 1 } });
});

const oldEvent = {
  ...{ id: '01900000-0000-7000-8000-999999999999', eventType: 'auth.login', timestamp: '2026-01-01T00:00:00.000Z' },
  ...{ actor: { type: 'USER', id: 'eve', name: 'Eve', email: null }, resource: null, flagKey: null, scheduleId: null },
  ...{
    environment: 'production',
    workspaceId: null,
    previousState: null,
    newState: null,
    changes: [],
    description: 'x'.repeat(70_000),
  },
  ...{ metadata: {}, result: 'SUCCESS', errorMessage: null },
};

describe('columns that are younger than the oldest entries', () => {
  const old = (n: number) =>
    JSON.stringify({
      ...oldEvent,
      id: `01900000-0000-7000-8000-99999999990${n}`,
      requestContext: { ipAddress: '192.0.2.1', requestId: null, apiKeyId: 'k' },
    });
  /** Three events of older releases, the first of them from before the columns. */
  beforeEach(async () => {
    await sql('SELECT audit_emit($1::text[])', [[1, 2, 3].map(old)]);
    await sql('SELECT audit_sequence(1000)');
    await sql("UPDATE audit_log SET ip_address = '192.0.2.1' WHERE position IN ($1, $2)", [log.size + 2, log.size + 3]);
    await sql('UPDATE audit_log SET api_key_id = NULL WHERE position = $1', [log.size + 1]);
    await sql('DELETE FROM audit_disclosures WHERE position = $1', [log.size + 1]);
    await signLog(log.database, log.signer, [log.size + 3]);
  });

  it('are empty there, and the log is good', async () => {
    expect(await verify()).toMatchObject({ outcome: 'good', checked: { oldEntries: 3 } });
  });

  it.each([
    ['api_key_id', 'audit_log', 'column'],
    ['ip_address', 'audit_disclosures', 'disclosure'],
  ])('are not emptied afterwards: %s of %s', async (column, table, kind) => {
    await sql(`UPDATE ${table} SET ${column} = NULL WHERE position = $1`, [log.size + 3]);
    expect((await verify()).finding).toMatchObject({ kind, from: log.size + 3 });
  });

  it('are not emptied in both places', async () => {
    for (const table of ['audit_log', 'audit_disclosures'])
      await sql(`UPDATE ${table} SET ip_address = NULL WHERE position = $1`, [log.size + 3]);
    expect((await verify()).finding).toMatchObject({ kind: 'disclosure', from: log.size + 3 });
  });
});

it('refuses an environment that only looks as if it had always been there', async () => {
  await sql("INSERT INTO environments (key, name) VALUES ('eu', 'EU')");
  expect((await verify()).finding).toMatchObject({ kind: 'state', sentence: expect.stringContaining("Environment 'eu'") });
});
