import { RFC9162 } from '@transmute/rfc9162';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hashChildren, hashLeaf, makeMerkleTree, verifyConsistency, verifyInclusion } from '../../../test/support/merkle.ts';
import { consistencyPath, inclusionPath, type Range, subtreesOf } from './subtrees.ts';
import { hashOfSlice, hashOfSubtrees, sliceOf } from './tiles.ts';

type Tree = ReturnType<typeof makeMerkleTree>;

/** The hash of a range as the store makes it: from slices of tiles alone. */
const hashFromTiles = (tree: Tree, range: Range): Buffer => {
  const hashes = subtreesOf(range).map((subtree) => {
    const { level, index, first, count } = sliceOf(subtree);
    return hashOfSlice(tree.tile(level, index, first + count).subarray(first * 32), hashChildren);
  });
  return hashOfSubtrees(hashes, hashChildren);
};
const inclusionProof = (tree: Tree, leafIndex: number, size: number) =>
  inclusionPath(leafIndex, size).map((range) => hashFromTiles(tree, range));
const consistencyProof = (tree: Tree, from: number, to: number) =>
  consistencyPath(from, to).map((range) => hashFromTiles(tree, range));
const rootAt = (tree: Tree, size: number) => hashFromTiles(tree, { start: 0, end: size });
const hex = (hashes: readonly Uint8Array[]) => hashes.map((hash) => Buffer.from(hash).toString('hex'));

describe('the reference tree of Certificate Transparency', () => {
  const entries = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
  const tree = makeMerkleTree(entries.map((entry) => hashLeaf(Buffer.from(entry, 'hex'))));
  const roots = [
    '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
    'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
    'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
    'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
    '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
    'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
    '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
  ];

  it('has the published root at each size', () => {
    expect(hex(roots.map((_, i) => rootAt(tree, i + 1)))).toEqual(roots);
    expect(tree.rootAt(0).toString('hex')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  });

  it.each<[leafIndex: number, size: number, proof: string[]]>([
    [0, 1, []],
    [
      0,
      8,
      [
        '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
        '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
        '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
      ],
    ],
    [
      5,
      8,
      [
        'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
        'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
        'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
      ],
    ],
    [2, 3, ['fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125']],
    [
      1,
      5,
      [
        '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
        '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
        'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
      ],
    ],
  ])('has the published inclusion proof of leaf %i at size %i', (leafIndex, size, proof) => {
    expect(hex(inclusionProof(tree, leafIndex, size))).toEqual(proof);
  });

  it.each<[from: number, to: number, proof: string[]]>([
    [1, 1, []],
    [
      1,
      8,
      [
        '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
        '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
        '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
      ],
    ],
    [
      6,
      8,
      [
        '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a',
        'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
        'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
      ],
    ],
    [
      2,
      5,
      [
        '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
        'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
      ],
    ],
    [
      6,
      7,
      [
        '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a',
        'b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f',
        'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
      ],
    ],
  ])('has the published consistency proof from size %i to %i', (from, to, proof) => {
    expect(hex(consistencyProof(tree, from, to))).toEqual(proof);
  });
});

describe('the example of RFC 9162 section 2.1.5, a tree of seven leaves', () => {
  const tree = makeMerkleTree(Array.from({ length: 7 }, (_, i) => hashLeaf(`d${i}`)));
  const [a, b, c, d, e, f, j] = [0, 1, 2, 3, 4, 5, 6].map((i) => tree.hashOf(i, i + 1)) as [
    Buffer,
    Buffer,
    Buffer,
    Buffer,
    Buffer,
    Buffer,
    Buffer,
  ];
  const [g, h, i] = [hashChildren(a, b), hashChildren(c, d), hashChildren(e, f)];
  const [k, l] = [hashChildren(g, h), hashChildren(i, j)];

  it('has the inclusion proofs that the RFC lists', () => {
    const proofs = [0, 3, 4, 6].map((leafIndex) => inclusionProof(tree, leafIndex, 7));
    expect(proofs).toEqual([
      [b, h, l],
      [c, g, l],
      [f, j, k],
      [i, k],
    ]);
  });

  it('has the consistency proofs that the RFC lists', () => {
    const proofs = [3, 4, 6].map((from) => consistencyProof(tree, from, 7));
    expect(proofs).toEqual([[c, d, g, l], [l], [i, j, k]]);
  });
});

describe('any tree', () => {
  const entries = Array.from({ length: 700 }, (_, i) => Buffer.from(`entry ${i}`));
  const tree = makeMerkleTree(entries.map(hashLeaf));
  const sizes = fc.integer({ min: 1, max: entries.length });
  const leafOf = fc.tuple(sizes, fc.nat()).map(([size, n]) => ({ size, leafIndex: n % size }));
  const pairOf = fc.tuple(sizes, fc.nat()).map(([to, n]) => ({ to, from: 1 + (n % to) }));

  it('has proofs that verify, and roots that are right', () => {
    fc.assert(
      fc.property(leafOf, pairOf, ({ size, leafIndex }, { from, to }) => {
        expect(rootAt(tree, size)).toEqual(tree.rootAt(size));
        const inclusion = { leafIndex, size, leafHash: tree.hashOf(leafIndex, leafIndex + 1), root: tree.rootAt(size) };
        expect(verifyInclusion({ ...inclusion, hashes: inclusionProof(tree, leafIndex, size) })).toBe(true);
        const consistency = { from, to, fromRoot: tree.rootAt(from), toRoot: tree.rootAt(to) };
        expect(verifyConsistency({ ...consistency, hashes: consistencyProof(tree, from, to) })).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it('has the roots and proofs of another implementation', async () => {
    await fc.assert(
      fc.asyncProperty(leafOf, pairOf, async ({ size, leafIndex }, { from, to }) => {
        expect(hex([rootAt(tree, size)])).toEqual(hex([await RFC9162.MTH(entries.slice(0, size))]));
        expect(hex(inclusionProof(tree, leafIndex, size))).toEqual(hex(await RFC9162.PATH(leafIndex, entries.slice(0, size))));
        const proof = hex(await RFC9162.PROOF(from, entries.slice(0, to)));
        // It begins with the smaller tree's root even where the RFC leaves that out, because the verifier knows it.
        const isKnown = from === to || Number.isInteger(Math.log2(from));
        expect(hex(consistencyProof(tree, from, to))).toEqual(isKnown ? proof.slice(1) : proof);
      }),
      { numRuns: 30 },
    );
  });

  it('accepts none of 100,000 forged proofs', () => {
    const bit = fc.record({ kind: fc.constant('flip' as const), at: fc.nat(), bit: fc.nat({ max: 255 }) });
    const forgery: fc.Arbitrary<Forgery> = fc.oneof(
      bit,
      fc.record({ kind: fc.constant('drop' as const), at: fc.nat() }),
      fc.record({ kind: fc.constant('add' as const), at: fc.nat(), leaf: fc.nat({ max: 699 }) }),
      fc.record({ kind: fc.constant('swap' as const), at: fc.nat(), other: fc.nat() }),
      fc.record({ kind: fc.constant('replace' as const), at: fc.nat(), leaf: fc.nat({ max: 699 }) }),
    );
    let tried = 0;
    const accepted: unknown[] = [];
    const attempt = (proof: readonly Buffer[], change: Forgery, verify: (hashes: Buffer[]) => boolean) => {
      const hashes = forge(proof, change, tree);
      if (!hashes) return;
      tried += 1;
      if (verify(hashes)) accepted.push(change);
    };
    fc.assert(
      fc.property(
        leafOf,
        pairOf,
        fc.array(forgery, { minLength: 30, maxLength: 30 }),
        ({ size, leafIndex }, { from, to }, forgeries) => {
          const inclusion = { leafIndex, size, leafHash: tree.hashOf(leafIndex, leafIndex + 1), root: tree.rootAt(size) };
          const path = inclusionProof(tree, leafIndex, size);
          const consistency = { from, to, fromRoot: tree.rootAt(from), toRoot: tree.rootAt(to) };
          const proof = consistencyProof(tree, from, to);
          for (const change of forgeries) {
            attempt(path, change, (hashes) => verifyInclusion({ ...inclusion, hashes }));
            attempt(proof, change, (hashes) => verifyConsistency({ ...consistency, hashes }));
          }
          const other = (leafIndex + 1) % size;
          if (other !== leafIndex) {
            expect(verifyInclusion({ ...inclusion, leafHash: tree.hashOf(other, other + 1), hashes: path })).toBe(false);
          }
        },
      ),
      { numRuns: 2200 },
    );
    expect(accepted).toEqual([]);
    expect(tried).toBeGreaterThan(100_000);
  }, 120_000);
});

type Forgery =
  | { kind: 'flip'; at: number; bit: number }
  | { kind: 'drop'; at: number }
  | { kind: 'add' | 'replace'; at: number; leaf: number }
  | { kind: 'swap'; at: number; other: number };

/** Another list of hashes; null if the change would leave the proof as it is. */
const forge = (proof: readonly Buffer[], change: Forgery, tree: Tree): Buffer[] | null => {
  if (change.kind === 'add') return proof.toSpliced(change.at % (proof.length + 1), 0, tree.hashOf(change.leaf, change.leaf + 1));
  const at = change.at % proof.length;
  const hash = proof[at];
  if (!hash) return null;
  if (change.kind === 'drop') return proof.toSpliced(at, 1);
  if (change.kind === 'flip') {
    const flipped = Buffer.from(hash);
    flipped[change.bit >> 3] = (flipped[change.bit >> 3] ?? 0) ^ (1 << (change.bit & 7));
    return proof.with(at, flipped);
  }
  if (change.kind === 'swap') {
    const other = change.other % proof.length;
    return other === at ? null : proof.with(at, proof[other] ?? hash).with(other, hash);
  }
  const other = tree.hashOf(change.leaf, change.leaf + 1);
  return other.equals(hash) ? null : proof.with(at, other);
};
