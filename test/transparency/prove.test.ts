import { beforeAll, describe, expect, it, vi } from 'vitest';
import { makeAuditLog } from '../../src/audit/store/audit-log.ts';
import { sequenceOutbox } from '../../src/audit/store/outbox.ts';
import { makeProofs } from '../../src/transparency/commands/proofs.ts';
import type { Checkpoint } from '../../src/transparency/ports/tree.ts';
import { makeTree } from '../../src/transparency/store/tree-store.ts';
import { startPostgresProxy } from '../graphql/postgres-proxy.ts';
import { createPostgresDatabase, openBeside, type PostgresTestDatabase } from '../support/databases.ts';
import { ada, startGraphQL } from '../support/graphql-server.ts';
import { linesOf, logEntries } from '../support/log-entries.ts';
import { hashLeaf, verifyConsistency, verifyInclusion } from '../support/merkle.ts';
import { emitEntries, growLog } from '../support/tables.ts';

const entries = logEntries(1, 300);
const idOf = (position: number) => entries[position - 1]?.event.id ?? expect.unreachable();
const bytes = (base64: string) => Buffer.from(base64, 'base64');

let db: PostgresTestDatabase;
beforeAll(async () => {
  db = await createPostgresDatabase();
  await emitEntries(db, entries.map(linesOf));
  await sequenceOutbox(db.database.prisma, entries.length);
});

const checkpointAt = async (size: number): Promise<Checkpoint> => {
  const rootHash = await makeTree(db.database.prisma).rootAt(size);
  const note = `flagtrail/a-log\n${size}\n${rootHash.toString('base64')}\n\n— flagtrail/a-log c2lnbmF0dXJl\n`;
  return { epoch: 1, size, rootHash, note, signedAt: new Date('2026-11-22T09:00:00Z') };
};

const start = async ({ checkpoint = null as Checkpoint | null, roles = ['AUDITOR'] as (typeof ada.roles)[number][] } = {}) => {
  const { prisma } = db.database;
  const recordAccessDenied = vi.fn();
  const proofs = makeProofs({
    log: makeAuditLog(prisma),
    tree: makeTree(prisma),
    checkpoints: { latest: async () => checkpoint },
  });
  const { ask } = await startGraphQL({ proofs, recordAccessDenied }, { identity: () => ({ ...ada, roles }) });
  return { ask, recordAccessDenied };
};

const inclusion = (id: string) => `{ auditInclusionProof(id: "${id}") {
  position leafIndex leafHash treeSize rootHash hashes entry checkpoint { origin treeSize rootHash note signedAt epoch } } }`;
const consistency = (from: number, to: number) =>
  `{ auditConsistencyProof(from: ${from}, to: ${to}) { hashes fromRootHash toRootHash } }`;

describe('auditCheckpoint', () => {
  it('is null before the first one is signed', async () => {
    const { ask } = await start();
    expect((await ask('{ auditCheckpoint { note } }')).body).toEqual({ data: { auditCheckpoint: null } });
  });

  it('shows the latest one, and the note as it was signed', async () => {
    const checkpoint = await checkpointAt(280);
    const { ask } = await start({ checkpoint });
    const { body } = await ask('{ auditCheckpoint { origin treeSize rootHash note signedAt epoch } }');
    expect(body.data.auditCheckpoint).toEqual({
      origin: 'flagtrail/a-log',
      treeSize: 280,
      rootHash: checkpoint.rootHash.toString('base64'),
      note: checkpoint.note,
      signedAt: '2026-11-22T09:00:00.000Z',
      epoch: 1,
    });
  });
});

describe('auditInclusionProof', () => {
  it.each([1, 256, 257, 280])(
    'proves that the entry at position %i is in the tree that the checkpoint signs',
    async (position) => {
      const { ask } = await start({ checkpoint: await checkpointAt(280) });
      const { data } = (await ask(inclusion(idOf(position)))).body;
      const { leafIndex, treeSize, leafHash, rootHash, hashes, entry, checkpoint } = data.auditInclusionProof;
      expect([data.auditInclusionProof.position, leafIndex, treeSize]).toEqual([position, position - 1, 280]);
      expect(entry).toBe(entries[position - 1]?.entry);
      expect(hashLeaf(entry).toString('base64')).toBe(leafHash);
      expect(rootHash).toBe(checkpoint.rootHash);
      const proof = { leafIndex, size: treeSize, leafHash: hashLeaf(entry), hashes: hashes.map(bytes), root: bytes(rootHash) };
      expect(verifyInclusion(proof)).toBe(true);
      expect(verifyInclusion({ ...proof, leafHash: hashLeaf(`${entry} `) })).toBe(false);
    },
  );

  it.each<[string, () => Promise<Checkpoint | null>]>([
    ['before the first checkpoint', async () => null],
    ['of an event that the latest checkpoint does not cover', () => checkpointAt(299)],
    ['under a checkpoint that is ahead of the database', async () => ({ ...(await checkpointAt(300)), size: 301 })],
  ])('%s is for the tree as it is now', async (_when, latest) => {
    const { ask } = await start({ checkpoint: await latest() });
    const { data } = (await ask(inclusion(idOf(300)))).body;
    const { checkpoint, treeSize, leafIndex, rootHash, hashes, entry } = data.auditInclusionProof;
    expect([checkpoint, treeSize]).toEqual([null, 300]);
    const proof = { leafIndex, size: treeSize, leafHash: hashLeaf(entry), hashes: hashes.map(bytes), root: bytes(rootHash) };
    expect(verifyInclusion(proof)).toBe(true);
  });

  it('is null for an id that no event has, and BAD_USER_INPUT for what is no UUID', async () => {
    const { ask } = await start();
    expect((await ask(inclusion('01900000-0000-7000-8000-999999999999'))).body).toEqual({ data: { auditInclusionProof: null } });
    expect(await ask(inclusion('300'))).toMatchObject({ status: 400, code: 'BAD_USER_INPUT' });
  });

  it('takes as many statements on a long log as on a short one', async () => {
    const long = await createPostgresDatabase();
    const proxy = await startPostgresProxy(long.url);
    const { prisma } = await openBeside(proxy.url, 1);
    const { proveInclusion, proveConsistency } = makeProofs({
      log: makeAuditLog(prisma),
      tree: makeTree(prisma),
      checkpoints: { latest: async () => null },
    });
    const statements = async (size: number) => {
      await growLog(long, size);
      await long.sql('ALTER TABLE audit_log DISABLE TRIGGER USER');
      await long.sql('UPDATE audit_log SET entry = \'{"id":"x"}\' WHERE position = 1');
      const [row] = await long.sql<{ id: string }>('SELECT id FROM audit_log WHERE position = 1');
      return [
        await proxy.count(() => proveInclusion(row?.id ?? '')),
        await proxy.count(() => proveConsistency(Math.floor(size / 3), size)),
      ];
    };
    const short = await statements(10);
    expect(await statements(20_000)).toEqual(short);
    // The event, the head, the hashes; and the head, the hashes, two roots.
    expect(short).toEqual([3, 4]);
  });
});

describe('auditConsistencyProof', () => {
  it.each([
    [0, 0],
    [0, 300],
    [1, 300],
    [256, 257],
    [255, 300],
    [300, 300],
  ])('proves that the log of size %i is the beginning of that of size %i', async (from, to) => {
    const { ask } = await start();
    const { fromRootHash, toRootHash, hashes } = (await ask(consistency(from, to))).body.data.auditConsistencyProof;
    const proof = { from, to, fromRoot: bytes(fromRootHash), toRoot: bytes(toRootHash), hashes: hashes.map(bytes) };
    expect(verifyConsistency(proof)).toBe(true);
    expect(proof.toRoot).toEqual(await makeTree(db.database.prisma).rootAt(to));
  });

  it.each([
    [0, 301, 'to is 301: the log has had the sizes 0 to 300'],
    [0, -1, 'to is -1: the log has had the sizes 0 to 300'],
    [-1, 5, 'from is -1: it must be 0 to 5, which is `to`'],
    [6, 5, 'from is 6: it must be 0 to 5, which is `to`'],
    [0, Number.MAX_SAFE_INTEGER, 'to is 9007199254740991: the log has had the sizes 0 to 300'],
  ])('from %i to %i is BAD_USER_INPUT, with what is allowed', async (from, to, message) => {
    const { ask } = await start();
    const answer = await ask(consistency(from, to));
    expect([answer.status, answer.code, answer.body.errors[0].message]).toEqual([400, 'BAD_USER_INPUT', message]);
  });
});

it.each(['auditCheckpoint', `auditInclusionProof(id: "${idOf(1)}")`, 'auditConsistencyProof(from: 0, to: 1)'])(
  'proofs are for auditors: for another role %s is FORBIDDEN, and recorded',
  async (field) => {
    const { ask, recordAccessDenied } = await start({ roles: ['AUDIT_WRITER'] });
    expect(await ask(`{ ${field} { __typename } }`)).toMatchObject({ status: 403, code: 'FORBIDDEN' });
    expect(recordAccessDenied).toHaveBeenCalledOnce();
  },
);

it('thirty proofs in one operation are allowed, and a hundred are too many', async () => {
  const { ask } = await start();
  const many = (n: number) =>
    `{ ${Array.from({ length: n }, (_, i) => `p${i}: auditConsistencyProof(from: ${i}, to: 300) { toRootHash }`).join(' ')} }`;
  expect((await ask(many(30))).status).toBe(200);
  expect((await ask(many(100))).code).toBe('GRAPHQL_VALIDATION_FAILED');
});
