import { createHash } from 'node:crypto';
import { maxEntryBytes } from '../../audit/model/entry.ts';
import { tileWidth } from '../../audit/model/log-pruned.ts';
import type { Queryable } from '../../database/queryable.ts';
import { consistencyPath, inclusionPath, type Range, subtreesOf } from '../model/subtrees.ts';
import { hashBytes, hashOfSlice, hashOfSubtrees, sliceOf, type TileSlice } from '../model/tiles.ts';
import type { Tiles } from '../ports/tiles.ts';
import type { Tree } from '../ports/tree.ts';

const sha256 = (...parts: Buffer[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};
const node = Buffer.of(1);
const hashChildren = (left: Buffer, right: Buffer): Buffer => sha256(node, left, right);
const emptyRoot = sha256();

/** About how many bytes of disclosures are read at a time: there is room for those of one event at least. */
const disclosuresPageBytes = 1024 * 1024;

/** The tree in the database, as the sequencer leaves it. */
export const makeTree = (prisma: Queryable): Tree & Tiles => {
  /**
   * Reads slices of tiles, and the log's size, with one statement. A tile is stored once it is full. Before that, its hashes are
   * the leaves of the log's last entries, or the roots of the last full tiles beneath it: less than a tile on each level.
   */
  const readSlices = async (slices: readonly TileSlice[]): Promise<{ size: number; slices: (Buffer | null)[] }> => {
    const columnOf = (name: keyof TileSlice) => slices.map((slice) => slice[name]);
    const rows = await prisma.$queryRaw<{ size: bigint; hashes: Uint8Array | null; nth: bigint | null }[]>`
      SELECT head.size, slice.nth, coalesce(
        (SELECT substr(tile.hashes, slice.first * 32 + 1, slice.count * 32) FROM audit_tiles tile
         WHERE tile.level = slice.level AND tile.index = slice.index),
        CASE slice.level WHEN 0 THEN
          (SELECT string_agg(leaf.leaf_hash, ''::bytea ORDER BY leaf.position) FROM audit_log leaf
           WHERE leaf.position > slice.index * 256 + slice.first AND leaf.position <= slice.index * 256 + slice.first + slice.count)
        ELSE
          (SELECT string_agg(beneath.root_hash, ''::bytea ORDER BY beneath.index) FROM audit_tiles beneath
           WHERE beneath.level = slice.level - 1 AND beneath.index >= slice.index * 256 + slice.first
             AND beneath.index < slice.index * 256 + slice.first + slice.count)
        END) AS hashes
      FROM audit_head head
      LEFT JOIN unnest(${columnOf('level')}::int[], ${columnOf('index')}::bigint[], ${columnOf('first')}::int[], ${columnOf('count')}::int[])
        WITH ORDINALITY AS slice (level, index, first, count, nth) ON true
      ORDER BY slice.nth`;
    return {
      size: Number(rows[0]?.size ?? 0),
      slices: slices.map(({ count }, n) => {
        const hashes = rows[n]?.hashes;
        return hashes?.length === count * hashBytes ? Buffer.from(hashes) : null;
      }),
    };
  };

  /** The hashes of ranges of leaves. Throws a RangeError if the log is shorter than `size`. */
  const hashesOf = async (ranges: readonly Range[], size: number): Promise<Buffer[]> => {
    const subtrees = ranges.map(subtreesOf);
    const read = await readSlices(subtrees.flat().map(sliceOf));
    if (size > read.size) throw new RangeError(`the tree has ${read.size} leaves: there is no tree of size ${size}`);
    const hashes = read.slices.map((slice, n) => {
      if (slice) return hashOfSlice(slice, hashChildren);
      throw new Error(`the log lacks hashes: ${JSON.stringify(subtrees.flat()[n])} of a tree of size ${read.size}`);
    });
    let taken = 0;
    return subtrees.map(({ length }) => {
      taken += length;
      return hashOfSubtrees(hashes.slice(taken - length, taken), hashChildren);
    });
  };

  const refuseUnless = (isInRange: boolean, message: string) => {
    if (!isInRange) throw new RangeError(message);
  };

  return {
    head: async () => {
      const select = { logId: true, epoch: true, size: true, rootHash: true } as const;
      const { size, rootHash, ...head } = await prisma.auditHead.findUniqueOrThrow({ where: { id: 1 }, select });
      return { ...head, size: Number(size), rootHash: Buffer.from(rootHash) };
    },
    rootAt: async (size) => {
      refuseUnless(size >= 0, `there is no tree of size ${size}`);
      if (size === 0) return emptyRoot;
      const [root] = await hashesOf([{ start: 0, end: size }], size);
      return root ?? emptyRoot;
    },
    inclusionProof: async (leafIndex, size) => {
      refuseUnless(leafIndex >= 0 && leafIndex < size, `a tree of size ${size} has no leaf ${leafIndex}`);
      return hashesOf(inclusionPath(leafIndex, size), size);
    },
    consistencyProof: async (from, to) => {
      refuseUnless(from >= 0 && from <= to, `a tree of size ${to} does not begin with one of size ${from}`);
      return hashesOf(consistencyPath(from, to), to);
    },
    tile: async (level, index, width) => (await readSlices([{ level, index, first: 0, count: width }])).slices[0] ?? null,
    entryBundle: async (index, width) => {
      const start = index * tileWidth;
      const rows = await prisma.$queryRaw<{ position: bigint; entry: string | null }[]>`
        SELECT position, CASE WHEN octet_length(entry) <= ${maxEntryBytes} THEN entry END AS entry
        FROM audit_log WHERE position > ${start} AND position <= ${start + width}
          AND position > (SELECT pruned_to FROM audit_head) ORDER BY position`;
      return rows.length < width ? null : rows.map(({ position, entry }) => ({ position: Number(position), entry }));
    },
    disclosures: async function* (index, width) {
      const end = index * tileWidth + width;
      for (let position = index * tileWidth; position < end; ) {
        const rows = await prisma.$queryRaw<{ disclosures: string }[]>`
          SELECT coalesce(audit_shown(l.actor_id, n, d.disclosures), '') AS disclosures FROM (
            SELECT n, sum(bytes) OVER (ORDER BY n) - bytes AS bytes_before
            FROM (SELECT n, coalesce(octet_length(disclosures), 0) AS bytes
                  FROM generate_series(${position + 1}::bigint, ${end}::bigint) AS n LEFT JOIN audit_disclosures ON position = n) read
          ) sized
          LEFT JOIN audit_log l ON l.position = n AND n > (SELECT pruned_to FROM audit_head)
          LEFT JOIN audit_disclosures d ON d.position = l.position
          WHERE bytes_before < ${disclosuresPageBytes} ORDER BY n`;
        for (const row of rows) yield row.disclosures;
        position += rows.length;
      }
    },
  };
};
