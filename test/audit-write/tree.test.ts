import { createHash } from 'node:crypto';
import { RFC9162 } from '@transmute/rfc9162';
import canonicalize from 'canonicalize';
import { expect, it } from 'vitest';
import { emitEntries as emitToOutbox, sequenceOutbox } from '../../src/audit/store/outbox.ts';
import { migrate } from '../../src/database/migrate.ts';
import { createPGliteDatabase, createPostgresDatabase, databases, type TestDatabase } from '../support/databases.ts';
import { leafHashOf, linesOf, logEntries } from '../support/log-entries.ts';
import { migrationsBefore } from '../support/migrations.ts';
import { emitEntries } from '../support/tables.ts';

const sha256 = (...parts: Uint8Array[]) => createHash('sha256').update(Buffer.concat(parts)).digest();

/** RFC 6962, section 2.1, word for word: the judge of what the database computes. */
const rootOf = (leaves: readonly Buffer[]): Buffer => {
  const [only] = leaves;
  if (!only) return sha256();
  if (leaves.length === 1) return only;
  const k = 2 ** Math.floor(Math.log2(leaves.length - 1));
  return sha256(Buffer.of(1), rootOf(leaves.slice(0, k)), rootOf(leaves.slice(k)));
};

type Head = { size: number; edge: Uint8Array; root_hash: Uint8Array };
const headOf = async ({ sql }: Pick<TestDatabase, 'sql'>) => {
  const [head] = await sql<Head>('SELECT size::int, edge, root_hash FROM audit_head');
  if (!head) return expect.unreachable();
  return { size: head.size, root: Buffer.from(head.root_hash).toString('hex'), subtrees: head.edge.length / 32 };
};
const tilesOf = async ({ sql }: Pick<TestDatabase, 'sql'>) => {
  type Tile = { level: number; index: number; hashes: Uint8Array; root_hash: Uint8Array };
  const tiles = await sql<Tile>('SELECT level, index::int, hashes, root_hash FROM audit_tiles ORDER BY level, index');
  return tiles.map(({ level, index, hashes, root_hash }) => ({
    level,
    index,
    hashes: Buffer.from(hashes).toString('hex'),
    root: Buffer.from(root_hash).toString('hex'),
  }));
};
/** How many entries the outbox and then the log take. */
const sequenced = async ({ database: { prisma } }: TestDatabase, entry: string): Promise<number> =>
  (await emitToOutbox(prisma, [entry])) ? sequenceOutbox(prisma, 10) : 0;
const bitsOf = (size: number): number => [...size.toString(2)].filter((bit) => bit === '1').length;

it.each(databases)(
  'the head on $kind has the root of RFC 9162 at every size, and an edge as short as it can be',
  async ({ createDatabase }) => {
    const db = await createDatabase();
    const entries = logEntries(1, 70);
    expect(await headOf(db)).toEqual({ size: 0, root: sha256().toString('hex'), subtrees: 0 });
    await emitEntries(db, entries.map(linesOf));
    for (let size = 0; size < entries.length; ) {
      // Batches of 1, 2, 3, 1, 2, 3 …
      size += await sequenceOutbox(db.database.prisma, (size % 3) + 1);
      const expected = await RFC9162.treeHead(entries.slice(0, size).map(({ entry }) => new TextEncoder().encode(entry)));
      expect(await headOf(db)).toEqual({ size, root: Buffer.from(expected).toString('hex'), subtrees: bitsOf(size) });
    }
    expect(await tilesOf(db)).toEqual([]);
  },
);

it('full tiles are stored once their last hash is there, and no others', async () => {
  const db = await createPGliteDatabase();
  const entries = logEntries(1, 600);
  await emitEntries(db, entries.map(linesOf));
  const leaves = entries.map(({ leafHash }) => Buffer.from(leafHash, 'base64'));
  const tile = (index: number) => {
    const hashes = leaves.slice(index * 256, index * 256 + 256);
    return { level: 0, index, hashes: Buffer.concat(hashes).toString('hex'), root: rootOf(hashes).toString('hex') };
  };
  for (const [batch, tiles] of [
    [255, []],
    [1, [tile(0)]],
    [255, [tile(0)]],
    [89, [tile(0), tile(1)]],
  ] as const) {
    await sequenceOutbox(db.database.prisma, batch);
    expect(await tilesOf(db)).toEqual(tiles);
  }
  expect((await headOf(db)).root).toBe(rootOf(leaves).toString('hex'));
});

/** Puts entries into the log at once, as the sequencer would, but without the tree. */
const fill = ({ sql }: Pick<TestDatabase, 'sql'>, count: number) =>
  sql(
    `INSERT INTO audit_log (position, id, sealed_at, occurred_at, event_type, actor_type, actor_id, environment, result, entry, leaf_hash)
     SELECT n, gen_random_uuid(), now(), now(), 'flag.created', 'USER', 'ada', 'production', 'SUCCESS', 'entry ' || n,
       sha256('\\x00'::bytea || convert_to('entry ' || n, 'UTF8')) FROM generate_series(1, $1::int) AS n`,
    [count],
  );

it('a log of an older release gets its tree, of two levels of tiles, and goes on from there', async () => {
  const db = await createPostgresDatabase({ migrated: false });
  await migrate(db.database, migrationsBefore('20261122020000_tree'));
  const count = 2 * 65_536 - 3;
  await fill(db, count);
  await db.sql('UPDATE audit_head SET size = $1', [count]);
  await migrate(db.database);

  const leaves = Array.from({ length: count }, (_, n) => Buffer.from(leafHashOf(`entry ${n + 1}`), 'base64'));
  expect(await headOf(db)).toEqual({ size: count, root: rootOf(leaves).toString('hex'), subtrees: bitsOf(count) });
  const more = logEntries(1, 10);
  await emitEntries(db, more.map(linesOf));
  await sequenceOutbox(db.database.prisma, 10);
  const grown = [...leaves, ...more.map(({ leafHash }) => Buffer.from(leafHash, 'base64'))];
  expect((await headOf(db)).root).toBe(rootOf(grown).toString('hex'));
  const tiles = await tilesOf(db);
  expect(tiles.filter(({ level }) => level === 0)).toHaveLength(512);
  const roots = Array.from({ length: 256 }, (_, n) => tiles[n]?.root).join('');
  expect(tiles.filter(({ level }) => level === 1)).toMatchObject([
    { index: 0, hashes: roots, root: rootOf(grown.slice(0, 65_536)).toString('hex') },
    { index: 1, root: rootOf(grown.slice(65_536, 131_072)).toString('hex') },
  ]);
});

it.each(databases)('the tiles on $kind can neither be changed, nor removed', async ({ createDatabase }) => {
  const db = await createDatabase();
  for (const change of ['UPDATE audit_tiles SET level = 1', 'DELETE FROM audit_tiles', 'TRUNCATE audit_tiles'])
    await expect(db.sql(change)).rejects.toThrow('audit_tiles is append-only');
});

it('an entry that says everything itself is as long as a release before made it, whatever it says; one with digests fits into a tile', async () => {
  const db = await createPGliteDatabase();
  const [{ event } = expect.unreachable()] = logEntries(1, 1);
  const long = { ...event, metadata: { details: { _sd_alg: 'x'.repeat(70_000) } } };
  const inClear = canonicalize(long) ?? expect.unreachable();
  expect(await sequenced(db, inClear)).toBe(1);
  const withDigests = canonicalize({ ...long, _sd_alg: 'sha-256' }) ?? expect.unreachable();
  expect(await sequenced(db, withDigests)).toBe(0);
});
