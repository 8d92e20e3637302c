import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { sequenceOutbox } from '../../src/audit/store/outbox.ts';
import { openNote, verifierLine } from '../../src/transparency/signing/ed25519-notes.ts';
import { makeSignCheckpoint } from '../../src/transparency/signing/sign-checkpoint.ts';
import { makeCheckpoints } from '../../src/transparency/store/checkpoint-store.ts';
import { createPostgresDatabase, databases, openBeside, type TestDatabase } from '../support/databases.ts';
import { growingLog } from '../support/growing-log.ts';
import { merkleRoot, readLeaves, treeOfEntries } from '../support/leaves.ts';
import { aLogEntry, linesOf } from '../support/log-entries.ts';
import { manualClock } from '../support/spine.ts';
import { emitEntries } from '../support/tables.ts';

const newKey = () => generateKeyPairSync('ed25519').privateKey;

/** A log, and processes that sign it. */
const setUp = async (db: TestDatabase) => {
  const clock = manualClock(new Date('2026-11-22T09:00:00.000Z'));
  const key = newKey();
  const [{ log_id: logId } = { log_id: '' }] = await db.sql<{ log_id: string }>('SELECT log_id FROM audit_head');
  const name = `flagtrail/${logId}`;
  const signer = (prisma = db.database.prisma, own = key) =>
    makeSignCheckpoint({ store: makeCheckpoints(prisma), tree: treeOfEntries(db), key: own, clock });
  return { ...db, ...growingLog(db), clock, key, name, line: verifierLine(name, key), signer };
};
const refusalOf = async ({ sign }: ReturnType<typeof makeSignCheckpoint>): Promise<string> => {
  const outcome = await sign({ hurry: true });
  return outcome.is === 'refused' ? outcome.refusal.why : expect.unreachable(`it ${outcome.is}`);
};
const notesOf = ({ sql }: Pick<TestDatabase, 'sql'>) =>
  sql<{ epoch: number; size: number; note: string }>('SELECT epoch, size::int, note FROM audit_checkpoints ORDER BY epoch, size');

describe.each(databases)('a checkpoint on $kind', ({ createDatabase }) => {
  it('is a note over the origin, the size and the root of the entries, signed by the key', async () => {
    const db = await setUp(await createDatabase());
    await db.grow(3);
    expect(await db.signer().sign()).toMatchObject({ is: 'signed' });
    const [{ note } = { note: '' }] = await notesOf(db);
    const root = merkleRoot(await readLeaves(db)).toString('base64');
    expect(openNote(note, [db.line])).toBe(`${db.name}\n3\n${root}\n`);
    expect(await db.sql('SELECT signing_key FROM audit_head')).toEqual([{ signing_key: db.line }]);
    expect(await makeCheckpoints(db.database.prisma).latest()).toMatchObject({ epoch: 1, size: 3, note, signedAt: db.clock.at });
  });

  it('is signed at most once a second, and covers all that came meanwhile', async () => {
    const db = await setUp(await createDatabase());
    const { sign } = db.signer();
    for (let ms = 0; ms <= 3000; ms += 250) {
      await db.grow();
      const outcome = await sign();
      if (ms % 1000 === 0) expect(outcome, `${ms}`).toMatchObject({ is: 'signed' });
      else expect(outcome, `${ms}`).toEqual({ is: 'too early', waitMs: 1000 - (ms % 1000) });
      db.clock.at = new Date(db.clock.at.getTime() + 250);
    }
    expect((await notesOf(db)).map(({ size }) => size)).toEqual([1, 5, 9, 13]);
    expect(await sign()).toEqual({ is: 'up to date', note: (await notesOf(db)).at(-1)?.note });
  });

  it('is kept for ever, covers no more than the log has, and has no second root', async () => {
    const db = await setUp(await createDatabase());
    await db.grow(3);
    const { sign } = db.signer();
    await sign();
    await db.grow();
    for (const statement of [
      'UPDATE audit_checkpoints SET size = 2',
      'DELETE FROM audit_checkpoints',
      'TRUNCATE audit_checkpoints',
    ])
      await expect(db.sql(statement), statement).rejects.toThrow('audit_checkpoints is append-only');
    const insert = (epoch: number, size: number, root = Buffer.alloc(32)) =>
      db.sql('INSERT INTO audit_checkpoints VALUES ($1, $2, $3, $4, now())', [epoch, size, root, 'a note']);
    await expect(insert(1, 2, Buffer.alloc(31))).rejects.toThrow('audit_checkpoints_root_hash');
    await expect(insert(1, 5)).rejects.toThrow('a checkpoint of 5 entries refused: the log has 4');
    await expect(insert(1, 4)).rejects.toThrow('a checkpoint of 4 entries refused: its root is not that of the log');
    await expect(insert(1, 3)).rejects.toThrow(/duplicate key/);
    await expect(insert(2, 4)).rejects.toThrow('a checkpoint of epoch 2 refused: the log is in epoch 1');
    const store = makeCheckpoints(db.database.prisma);
    const other = { epoch: 1, size: 3, rootHash: Buffer.alloc(32), note: 'a note', signedAt: db.clock.at };
    await expect(store.add(other)).rejects.toThrow('another root is signed for 3 entries in epoch 1');
    expect((await notesOf(db)).map(({ size }) => size)).toEqual([3]);
  });
});

describe('two processes', () => {
  it('that sign different sizes at one instant get one of them kept, and a second for the other', async () => {
    const db = await setUp(await createPostgresDatabase());
    const stores = await Promise.all([0, 1].map(async () => makeCheckpoints((await openBeside(db.url ?? '', 2)).prisma)));
    for (let round = 0; round < 10; round++) {
      const sizes = [await db.grow(), await db.grow()];
      const leaves = await readLeaves(db);
      db.clock.at = new Date(db.clock.at.getTime() + 1000);
      const kept = await Promise.all(
        stores.map((store, n) => {
          const size = sizes[n] ?? 0;
          const rootHash = merkleRoot(leaves.slice(0, size));
          return store.keep({ epoch: 1, size, rootHash, note: 'a note', signedAt: db.clock.at }, 1000);
        }),
      );
      expect(kept.toSorted(), `round ${round}`).toEqual([false, true]);
    }
    expect(await notesOf(db)).toHaveLength(10);
  });

  it('that sequence and sign in turns sign the same notes, at most one a second together, and never two roots of one size', async () => {
    const db = await setUp(await createPostgresDatabase());
    const prisma = await Promise.all([0, 1].map(async () => (await openBeside(db.url ?? '', 2)).prisma));
    const signers = prisma.map((one) => db.signer(one));
    for (let round = 0; round < 12; round++) {
      await db.grow(round % 4);
      const outcomes = await Promise.all(signers.map(({ sign }) => sign({ hurry: round % 3 === 0 })));
      const notes = outcomes.flatMap((outcome) => (outcome.is === 'signed' ? [outcome.checkpoint.note] : []));
      expect(new Set(notes).size).toBeLessThanOrEqual(1);
      expect(outcomes.map(({ is }) => is)).not.toContain('refused');
      db.clock.at = new Date(db.clock.at.getTime() + 400);
    }
    const leaves = await readLeaves(db);
    const notes = await notesOf(db);
    for (const { size, note } of notes) {
      const root = merkleRoot(leaves.slice(0, size)).toString('base64');
      expect(openNote(note, [db.line])).toBe(`${db.name}\n${size}\n${root}\n`);
    }
    expect(new Set(notes.map(({ size }) => size)).size).toBe(notes.length);
  });

  it('wait for each other’s second', async () => {
    const db = await setUp(await createPostgresDatabase());
    const [one, other] = [db.signer(), db.signer()];
    await db.grow();
    expect(await one.sign()).toMatchObject({ is: 'signed' });
    await db.grow();
    db.clock.at = new Date(db.clock.at.getTime() + 300);
    expect(await other.sign()).toEqual({ is: 'too early', waitMs: 700 });
    // A clock that was ahead has signed: nobody waits for that instant to come.
    db.clock.at = new Date(db.clock.at.getTime() - 3_600_000);
    expect(await other.sign()).toMatchObject({ is: 'signed' });
  });

  it('with different keys: the first one goes on signing, the other one says which key it needs', async () => {
    const db = await setUp(await createPostgresDatabase());
    await db.grow();
    await db.signer().sign();
    await db.grow();
    const why = await refusalOf(db.signer(undefined, newKey()));
    expect(why).toContain(`the log is signed with the key ${db.line}`);
    expect(why).toContain('set LOG_SIGNING_KEY to that key');
    expect(await db.signer().sign({ hurry: true })).toMatchObject({ is: 'signed' });
  });
});

describe('nothing is signed', () => {
  it('where an older copy of the database was restored, by the process that signed what is gone', async () => {
    const db = await setUp(await createPostgresDatabase());
    const signer = db.signer();
    await db.grow(300);
    const restore = await db.copy();
    await db.grow(5);
    await signer.sign();
    await restore();
    expect(await refusalOf(signer)).toMatch(
      /^this process holds a checkpoint of 305 entries, and the log in the database has 300: .*flagtrail log new-epoch/,
    );
    // Other events take the places of those that are gone.
    await growingLog(db, 1000).grow(5);
    expect(await refusalOf(signer)).toMatch(/^the first 305 entries of the log are not those of the checkpoint in this process/);
    expect(await notesOf(db)).toEqual([]);
  });

  it('where an anchor holds a checkpoint that the database no longer has, until a new epoch begins', async () => {
    const db = await setUp(await createPostgresDatabase());
    const before = db.signer();
    await db.grow(2);
    await before.sign();
    const restore = await db.copy();
    await db.grow(2);
    const outcome = await before.sign({ hurry: true });
    const note = outcome.is === 'signed' ? outcome.checkpoint.note : expect.unreachable();
    await restore();

    const after = db.signer();
    expect(await after.witness(note, 'the file')).toBe(null);
    await growingLog(db, 1000).grow(1);
    expect(await refusalOf(after)).toMatch(/^the file holds a checkpoint of 4 entries, and the log in the database has 3/);
    await growingLog(db, 2000).grow(1);
    expect(await refusalOf(after)).toMatch(/^the first 4 entries of the log are not those of the checkpoint in the file/);
    await db.sql('UPDATE audit_head SET epoch = 2');
    // Not before the log itself says that the epoch began.
    expect(await after.sign({ hurry: true })).toEqual({ is: 'too early', waitMs: 1000 });
    const resource = { type: 'audit_log', id: `${db.name}/2` };
    await emitEntries(db, [linesOf(aLogEntry(3000, { eventType: 'log.epoch_started', resource }))]);
    expect(await after.sign({ hurry: true })).toEqual({ is: 'too early', waitMs: 1000 });
    await sequenceOutbox(db.database.prisma, 10);
    expect(await after.sign({ hurry: true })).toMatchObject({ is: 'signed', checkpoint: { epoch: 2, size: 5 } });
    expect((await notesOf(db)).at(-1)?.note).toMatch(new RegExp(`^${db.name}/2\n5\n`));

    // The same copy once more: now the checkpoint is of an epoch that the database has forgotten.
    const ofEpoch2 = (await notesOf(db)).at(-1)?.note ?? '';
    await restore();
    const third = db.signer();
    expect(await third.witness(ofEpoch2, 'the file')).toBe(null);
    expect(await refusalOf(third)).toMatch(/^the file holds a checkpoint of epoch 2, and the database is in epoch 1/);
  });

  it('where the head was given another root, or an entry was changed since the last checkpoint', async () => {
    const db = await setUp(await createPostgresDatabase());
    const signer = db.signer();
    await db.grow(4);
    await signer.sign();
    const asSuperuser = async (statement: string) => {
      await db.sql('SET session_replication_role = replica');
      await db.sql(statement);
      await db.sql('SET session_replication_role = origin');
    };
    await db.grow(4);
    await asSuperuser(`UPDATE audit_head SET root_hash = sha256('another')`);
    expect(await refusalOf(signer)).toMatch(/^the root in audit_head is not that of the entries in the log/);
    await asSuperuser(`UPDATE audit_log SET entry = replace(entry, 'ada', 'eve') WHERE position = 2`);
    expect(await refusalOf(signer)).toMatch(/^the first 4 entries of the log are not those of the checkpoint/);
  });

  it('where the copy is older than the key, too: what is lost is said first, not the key of before', async () => {
    const db = await setUp(await createPostgresDatabase());
    await db.grow(2);
    await db.signer().sign();
    const restore = await db.copy();
    const nextKey = newKey();
    await db.sql('UPDATE audit_head SET signing_key = $1', [verifierLine(db.name, nextKey)]);
    await db.grow();
    const outcome = await db.signer(undefined, nextKey).sign({ hurry: true });
    const note = outcome.is === 'signed' ? outcome.checkpoint.note : expect.unreachable();
    await restore();
    const after = db.signer(undefined, nextKey);
    expect(await after.witness(note, 'the file')).toBe(null);
    expect(await refusalOf(after)).toMatch(/^the file holds a checkpoint of 3 entries, and the log in the database has 2/);
  });
});

it('what others put into an anchor keeps nobody from signing: it says nothing about this log', async () => {
  const db = await setUp(await createPostgresDatabase());
  await db.grow();
  const signer = db.signer();
  const outcome = await db.signer(undefined, db.key).sign();
  const note = outcome.is === 'signed' ? outcome.checkpoint.note : expect.unreachable();
  expect(await signer.witness('nonsense', 'the file')).toBe('the text of a note must end in a newline');
  expect(await signer.witness(note.replace(/\n1\n/, '\n9\n'), 'the file')).toMatch(/^the signature by .* is wrong$/);
  expect(await signer.witness(note.replaceAll(/[0-9a-f]{8}-/g, '00000000-'), 'the file')).toBe('it is of another log');
  await db.grow();
  expect(await signer.sign({ hurry: true })).toMatchObject({ is: 'signed' });
});

it('a checkpoint that the database has lost is known from this process, not from the database', async () => {
  const db = await setUp(await createPostgresDatabase());
  await db.grow(3);
  await db.signer().sign();
  const other = db.signer();
  expect(await other.sign()).toMatchObject({ is: 'up to date' });
  await db.sql('ALTER TABLE audit_checkpoints DISABLE TRIGGER USER');
  await db.sql('DELETE FROM audit_checkpoints');
  await db.sql('UPDATE audit_head SET size = 2');
  expect(await refusalOf(other)).toMatch(/^this process holds a checkpoint of 3 entries, and the log in the database has 2:/);
});
