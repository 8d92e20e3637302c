import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeTree } from '../../src/transparency/store/tree-store.ts';
import { startPostgresProxy } from '../graphql/postgres-proxy.ts';
import { createPGliteDatabase, createPostgresDatabase, databases, openBeside, type TestDatabase } from '../support/databases.ts';
import { hashLeaf, makeMerkleTree, verifyConsistency, verifyInclusion } from '../support/merkle.ts';
import { growLog } from '../support/tables.ts';

const memory = makeMerkleTree(Array.from({ length: 70_000 }, (_, n) => hashLeaf(`entry ${n + 1}`)));

type Trees = { db: TestDatabase; tree: ReturnType<typeof makeTree> };
const open = async (db: TestDatabase): Promise<Trees> => ({ db, tree: makeTree(db.database.prisma) });

const allOf = async (lines: AsyncIterable<string>) => {
  const all: string[] = [];
  for await (const line of lines) all.push(line);
  return all;
};

/** Checks what the tree says of itself at this size, and of some smaller sizes. */
const check = async ({ tree }: Trees, size: number, numRuns: number) => {
  expect(await tree.head()).toMatchObject({ size, epoch: 1, rootHash: memory.rootAt(size) });
  expect(await tree.rootAt(size)).toEqual(memory.rootAt(size));
  const sizes = fc.oneof(fc.integer({ min: 1, max: size }), fc.constant(size));
  const pair = fc.tuple(sizes, fc.nat()).map(([to, n]) => ({ to, from: 1 + (n % to) }));
  await fc.assert(
    fc.asyncProperty(pair, async ({ from, to }) => {
      const leafIndex = from - 1;
      const leafHash = memory.hashOf(leafIndex, from);
      const [hashes, consistency] = [await tree.inclusionProof(leafIndex, to), await tree.consistencyProof(from, to)];
      expect(verifyInclusion({ leafIndex, size: to, leafHash, hashes, root: memory.rootAt(to) })).toBe(true);
      const roots = { fromRoot: await tree.rootAt(from), toRoot: await tree.rootAt(to) };
      expect(roots).toEqual({ fromRoot: memory.rootAt(from), toRoot: memory.rootAt(to) });
      expect(verifyConsistency({ from, to, ...roots, hashes: consistency })).toBe(true);
    }),
    { numRuns },
  );
};

/** Checks every tile of a tree of this size, and that there are no wider ones. */
const checkTiles = async ({ tree }: Trees, size: number) => {
  for (let level = 0, hashes = size; hashes > 0; level += 1, hashes = Math.floor(hashes / 256)) {
    const last = Math.floor(hashes / 256);
    for (const index of new Set([0, Math.max(last - 1, 0), last])) {
      const width = Math.min(hashes - index * 256, 256);
      if (width === 0) continue;
      expect(await tree.tile(level, index, width)).toEqual(memory.tile(level, index, width));
      expect(await tree.tile(level, index, 1)).toEqual(memory.tile(level, index, 1));
      if (width < 256) expect(await tree.tile(level, index, width + 1)).toBeNull();
    }
    expect(await tree.tile(level, last + 1, 1)).toBeNull();
  }
  expect(await tree.tile(63, 0, 1)).toBeNull();
  expect(await tree.tile(0, Number.MAX_SAFE_INTEGER, 256)).toBeNull();
};

describe.each(databases)('the tree on $kind', ({ createDatabase }) => {
  it('has the roots, proofs and tiles of RFC 6962 around the edges of a tile', async () => {
    const trees = await open(await createDatabase());
    expect(await trees.tree.head()).toMatchObject({ size: 0, rootHash: memory.rootAt(0) });
    expect(await trees.tree.consistencyProof(0, 0)).toEqual([]);
    for (const size of [1, 2, 255, 256, 257, 700]) {
      await growLog(trees.db, size);
      await check(trees, size, 15);
      await checkTiles(trees, size);
    }
    expect(await trees.tree.rootAt(0)).toEqual(memory.rootAt(0));
    expect(await trees.tree.consistencyProof(0, 700)).toEqual([]);
    expect(await trees.tree.consistencyProof(700, 700)).toEqual([]);
  });

  it('refuses what is not in it with a RangeError', async () => {
    const { tree, db } = await open(await createDatabase());
    await growLog(db, 300);
    for (const asked of [
      () => tree.rootAt(301),
      () => tree.rootAt(-1),
      () => tree.rootAt(Number.MAX_SAFE_INTEGER),
      () => tree.inclusionProof(300, 301),
      () => tree.inclusionProof(5, 5),
      () => tree.inclusionProof(-1, 5),
      () => tree.consistencyProof(0, 301),
      () => tree.consistencyProof(5, 301),
      () => tree.consistencyProof(301, 301),
      () => tree.consistencyProof(6, 5),
    ]) {
      await expect(asked()).rejects.toThrow(RangeError);
    }
  });
});

it('the tree has the roots, proofs and tiles of RFC 6962 around the edges of a tile of the second level', async () => {
  const trees = await open(await createPostgresDatabase());
  for (const size of [65_535, 65_536, 65_537, 70_000]) {
    await growLog(trees.db, size);
    await check(trees, size, 25);
    await checkTiles(trees, size);
  }
}, 120_000);

it('the tree gives its proofs where the entries were pruned', async () => {
  const { db, tree } = await open(await createPostgresDatabase());
  await growLog(db, 1000);
  await db.sql('ALTER TABLE audit_log DISABLE TRIGGER USER');
  await db.sql('DELETE FROM audit_log WHERE position <= 768');
  const hashes = await tree.inclusionProof(17, 1000);
  expect(verifyInclusion({ leafIndex: 17, size: 1000, leafHash: memory.hashOf(17, 18), hashes, root: memory.rootAt(1000) })).toBe(
    true,
  );
  expect(await tree.entryBundle(2, 256)).toBeNull();
  expect(await tree.entryBundle(3, 100)).toHaveLength(100);
});

it('what is pruned is served no more, also before its rows are gone', async () => {
  const { db, tree } = await open(await createPostgresDatabase());
  await growLog(db, 600);
  await db.sql("INSERT INTO audit_disclosures (position, disclosures) VALUES (256, 'pruned'), (257, 'kept')");
  await db.sql('UPDATE audit_head SET pruned_to = 256');
  expect(await tree.entryBundle(0, 256)).toBeNull();
  expect(await tree.entryBundle(1, 256)).toHaveLength(256);
  expect((await allOf(tree.disclosures(0, 256))).at(-1)).toBe('');
  expect((await allOf(tree.disclosures(1, 256))).at(0)).toBe('kept');
});

it('a tree that lacks hashes says so, and gives no wrong proof', async () => {
  const { db, tree } = await open(await createPGliteDatabase());
  await growLog(db, 300);
  await db.sql('ALTER TABLE audit_log DISABLE TRIGGER USER');
  await db.sql('DELETE FROM audit_log WHERE position = 299');
  await expect(tree.inclusionProof(0, 300)).rejects.toThrow('the log lacks hashes');
  await expect(tree.rootAt(300)).rejects.not.toThrow(RangeError);
});

it('an inclusion proof takes one statement, and reads no more of a log that is a hundred times as long', async () => {
  const db = await createPostgresDatabase();
  const proxy = await startPostgresProxy(db.url);
  const { prisma } = await openBeside(proxy.url, 1);
  const tree = makeTree(prisma);
  const rowsRead = async () => {
    await prisma.$executeRaw`SELECT pg_stat_force_next_flush()`;
    const [row] = await db.sql<{ rows: number }>(
      "SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::int AS rows FROM pg_stat_user_tables WHERE relname IN ('audit_log', 'audit_tiles')",
    );
    return row?.rows ?? 0;
  };
  const costOf = async (leafIndex: number, size: number) => {
    await tree.inclusionProof(leafIndex, size);
    const before = await rowsRead();
    await tree.inclusionProof(leafIndex, size);
    const rows = (await rowsRead()) - before;
    const statements = await proxy.count(() => tree.inclusionProof(leafIndex, size));
    return { rows, statements };
  };
  await growLog(db, 511);
  const small = await costOf(300, 511);
  await growLog(db, 65_791);
  const large = await costOf(300, 65_791);
  // The partial tile at the end, which one of the hashes is made of, and a row for each full tile.
  for (const { rows } of [small, large]) {
    expect(rows).toBeGreaterThan(200);
    expect(rows).toBeLessThan(300);
  }
  expect([small.statements, large.statements]).toEqual([1, 1]);
}, 60_000);

it('entry bundles have the exact entries; what is too long for one is null', async () => {
  const { db, tree } = await open(await createPGliteDatabase());
  await growLog(db, 300);
  expect(await tree.entryBundle(0, 3)).toEqual([1, 2, 3].map((position) => ({ position, entry: `entry ${position}` })));
  expect((await tree.entryBundle(1, 44))?.at(-1)).toEqual({ position: 300, entry: 'entry 300' });
  expect(await tree.entryBundle(1, 45)).toBeNull();
  expect(await tree.entryBundle(2, 1)).toBeNull();
  await db.sql('ALTER TABLE audit_log DISABLE TRIGGER USER');
  await db.sql(
    "UPDATE audit_log SET entry = repeat('x', CASE position WHEN 2 THEN 65535 ELSE 65536 END) WHERE position IN (2, 3)",
  );
  const bundle = await tree.entryBundle(0, 3);
  expect(bundle?.map(({ entry }) => entry?.length ?? null)).toEqual([7, 65_535, null]);
});

it('disclosures come in order, with gaps where an entry has none, however large they are', async () => {
  const { db, tree } = await open(await createPGliteDatabase());
  await growLog(db, 300);
  await db.sql(
    `INSERT INTO audit_disclosures (position, disclosures)
     SELECT n, CASE n WHEN 258 THEN repeat('x', 3000000) ELSE 'disclosures of ' || n END
     FROM generate_series(1, 300) n WHERE n % 2 = 0`,
  );
  const read = async (index: number, width: number) => {
    const found: string[] = [];
    for await (const lines of tree.disclosures(index, width)) found.push(lines);
    return found;
  };
  expect(await read(0, 4)).toEqual(['', 'disclosures of 2', '', 'disclosures of 4']);
  const second = await read(1, 44);
  expect(second).toHaveLength(44);
  expect(second.slice(0, 5).map((text) => (text.length > 100 ? text.length : text))).toEqual([
    '',
    3_000_000,
    '',
    'disclosures of 260',
    '',
  ]);
  expect(second.at(-1)).toBe('disclosures of 300');
});
