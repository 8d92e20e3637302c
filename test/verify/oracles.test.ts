import { createHash } from 'node:crypto';
import { pack } from '@sd-jwt/core';
import { RFC9162 } from '@transmute/rfc9162';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { digestOf, readEvent } from '../../src/verify/event.ts';
import { parseKey, parseNote, signerOf } from '../../src/verify/note.ts';
import { CouldNotCheck, Tampered } from '../../src/verify/outcome.ts';
import { provesConsistency, provesInclusion } from '../../src/verify/proofs.ts';
import { leafHash, makeTree } from '../../src/verify/tree.ts';
import { verifyProof } from '../../src/verify/verify-proof.ts';
import { makeLogSigner, rootOf } from '../support/log-signer.ts';

// The verifier against what other people wrote, and against forgeries.

const hex = (text: string) => Buffer.from(text, 'hex');
const toBuffer = (bytes: Uint8Array) => Buffer.from(bytes);
const treeOf = (leaves: readonly Buffer[]) => {
  const tree = makeTree();
  for (const leaf of leaves) tree.append(leaf);
  return tree;
};
/** For a power of two, the library repeats the first root, which RFC 9162 leaves out (section 2.1.4.1). */
const consistencyOf = async (from: number, entries: readonly Uint8Array[]): Promise<Buffer[]> => {
  if (from === entries.length) return [];
  const proof = (await RFC9162.PROOF(from, [...entries])).map(toBuffer);
  return Number.isInteger(Math.log2(from)) ? proof.slice(1) : proof;
};
const someEntries = fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 70 });

describe('the tree', () => {
  it("has the roots of Certificate Transparency's test vectors (RFC 6962)", () => {
    const inputs = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
    const roots = [
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
      '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
      'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
      'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
      '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
      '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
      'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
      '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
    ];
    const leaves = inputs.map((input) => leafHash(hex(input)));
    expect(roots.map((_, size) => treeOf(leaves.slice(0, size)).root().toString('hex'))).toEqual(roots);
  });

  it('has the root that another implementation of RFC 9162 finds', async () => {
    await fc.assert(
      fc.asyncProperty(someEntries, async (entries) => {
        expect(treeOf(entries.map(leafHash)).root()).toEqual(toBuffer(await RFC9162.treeHead(entries)));
      }),
    );
  });

  it('is the same when it is saved at any size and goes on from there, through several levels of tiles', () => {
    const leaves = Array.from({ length: 66_000 }, (_, n) => createHash('sha256').update(`${n}`).digest());
    let tree = makeTree();
    const tiles: string[] = [];
    for (const [n, leaf] of leaves.entries()) {
      for (const { level, index, hashes, root } of tree.append(leaf)) {
        expect([hashes.length, rootOf(hashes)]).toEqual([256, root]);
        tiles.push(`${level}/${index}`);
      }
      if (n % 9973 === 0) tree = makeTree(JSON.parse(JSON.stringify(tree.save())));
    }
    expect(tree.root()).toEqual(rootOf(leaves));
    expect([tiles.length, tiles.at(-2), tiles.includes('1/0')]).toEqual([258, '1/0', true]);
  });
});

describe('proofs', () => {
  it('of another implementation of RFC 9162 are accepted', async () => {
    await fc.assert(
      fc.asyncProperty(someEntries, fc.nat(), fc.nat(), async (entries, one, other) => {
        const size = entries.length;
        const [leafIndex, from] = [one % size, (other % size) + 1];
        const root = treeOf(entries.map(leafHash)).root();
        const inclusion = (await RFC9162.PATH(leafIndex, entries)).map(toBuffer);
        const leaf = leafHash(entries[leafIndex] ?? new Uint8Array());
        expect(provesInclusion({ leafIndex, size, leafHash: leaf, root, proof: inclusion })).toBe(true);
        const fromRoot = treeOf(entries.slice(0, from).map(leafHash)).root();
        const proof = await consistencyOf(from, entries);
        expect(provesConsistency({ from, fromRoot, to: size, toRoot: root, proof })).toBe(true);
      }),
    );
  });

  it('that are forged are refused: none of 100,000 is accepted', { timeout: 300_000 }, async () => {
    const entries = Array.from({ length: 70 }, (_, n) => Buffer.from(`entry ${n}`));
    const leaves = entries.map(leafHash);
    const sizes = [1, 2, 3, 7, 8, 33, 64, 70];
    const made = await Promise.all(
      sizes.flatMap((size) =>
        Array.from({ length: size }, async (_, n) => ({
          size,
          n,
          root: treeOf(leaves.slice(0, size)).root(),
          inclusion: (await RFC9162.PATH(n, entries.slice(0, size))).map(toBuffer),
          fromRoot: treeOf(leaves.slice(0, n + 1)).root(),
          consistency: await consistencyOf(n + 1, entries.slice(0, size)),
        })),
      ),
    );
    const flip = (bytes: Buffer, bit: number) => {
      const flipped = Buffer.from(bytes);
      const at = bit % (flipped.length * 8);
      flipped[at >> 3] = (flipped[at >> 3] ?? 0) ^ (1 << (at & 7));
      return flipped;
    };
    /** Another list of hashes than this one. */
    const forge = (proof: readonly Buffer[], how: number, where: number, noise: Buffer): Buffer[] => {
      const at = proof.length === 0 ? 0 : where % proof.length;
      if (how === 0 || proof.length === 0) return proof.toSpliced(at, 0, noise);
      if (how === 1) return proof.toSpliced(at, 1);
      if (how === 2) return proof.with(at, flip(proof[at] ?? noise, where));
      if (how === 3) return proof.length > 1 ? [...proof.slice(1), proof[0] ?? noise] : [noise];
      return proof.with(at, noise);
    };
    let tried = 0;
    fc.assert(
      fc.property(
        fc.nat(made.length - 1),
        fc.nat(6),
        fc.nat(100_000),
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        (which, how, where, bytes) => {
          const { size, n, root, inclusion, fromRoot, consistency } = made[which] ?? expect.unreachable();
          const noise = Buffer.from(bytes);
          const leaf = leaves[n] ?? noise;
          const honest = { leafIndex: n, size, leafHash: leaf, root, proof: inclusion };
          const step = { from: n + 1, fromRoot, to: size, toRoot: root, proof: consistency };
          const forgedProof =
            how < 5
              ? { ...honest, proof: forge(inclusion, how, where, noise) }
              : how === 5
                ? { ...honest, leafHash: flip(leaf, where) }
                : { ...honest, leafIndex: (n + 1 + (where % Math.max(size - 1, 1))) % size, root: size === 1 ? noise : root };
          const forgedStep =
            how < 5
              ? { ...step, proof: forge(consistency, how, where, noise) }
              : how === 5
                ? { ...step, fromRoot: flip(fromRoot, where) }
                : { ...step, toRoot: flip(root, where) };
          tried += 2;
          // A list that says the same again is no forgery.
          const isSame = (a: readonly Buffer[], b: readonly Buffer[]) =>
            a.length === b.length && a.every((hash, i) => b[i]?.equals(hash));
          if (how > 4 || !isSame(forgedProof.proof, inclusion)) expect(provesInclusion(forgedProof)).toBe(false);
          if (how > 4 || !isSame(forgedStep.proof, consistency)) expect(provesConsistency(forgedStep)).toBe(false);
        },
      ),
      { numRuns: 50_000 },
    );
    expect(tried).toBe(100_000);
  });
});

describe('signed notes', () => {
  const text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
  const note = `${text}\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n`;
  const key = parseKey('PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW');

  it("of Go's sumdb/note are accepted", () => {
    const parsed = parseNote(note);
    expect(parsed && signerOf(parsed, [key])).toBe(key);
  });

  it('that are changed anywhere are refused', { timeout: 300_000 }, () => {
    const signer = makeLogSigner('flagtrail/01900000-0000-4000-8000-000000000003');
    const keys = [key, parseKey(signer.line), parseKey(makeLogSigner('flagtrail/other').line)];
    const honest = [note, signer.checkpoint(7, rootOf([Buffer.alloc(32)])), signer.handover(signer.line)];
    fc.assert(
      fc.property(
        fc.constantFrom(...honest),
        fc.nat(),
        fc.nat(2),
        fc.constantFrom('A', 'b', '0', ' ', '\n', '—', '+', '/'),
        (of, at, how, char) => {
          const n = at % of.length;
          const forged = of.slice(0, n) + (how === 1 ? '' : char) + of.slice(how === 2 ? n : n + 1);
          const parsed = parseNote(forged);
          if (!parsed || forged === of) return;
          const signed = parseNote(of)?.text;
          const accepted = signerOf(parsed, keys);
          if (accepted !== null && accepted !== 'forged') expect(parsed.text).toBe(signed);
        },
      ),
      { numRuns: 10_000 },
    );
  });

  it.each([
    ['without a name', '+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'],
    ['with another hash', 'PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'],
    ['of another algorithm', 'PeterNeumann+c74f20a3+Ahpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'],
    ['that is short', 'PeterNeumann+c74f20a3+ARpc2Q=='],
  ])('have no key %s', (_what, line) => {
    expect(() => parseKey(line)).toThrow(/verifier line|not an Ed25519 key|does not have this hash/);
  });
});

describe('disclosures', () => {
  it('have the digest that RFC 9901, section 4.2.3, gives them', () => {
    const disclosure = 'WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0';
    expect(digestOf(disclosure)).toBe('X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0');
  });

  it('of another implementation of RFC 9901 are placed as it means them, also those inside metadata', async () => {
    const event = {
      ...{ id: 'x', eventType: 'flag.enabled', description: 'done', newState: { _sd: ['nothing'], on: true } },
      actor: { type: 'USER', id: 'ada', name: 'Ada', email: 'ada@example.com' },
      requestContext: { requestId: 'r', ipAddress: '192.0.2.1' },
      metadata: { adminUserId: 'ada', adminEmail: 'ada@example.com' },
    };
    let salts = 0;
    const { packedClaims, disclosures } = await pack(
      event,
      {
        _sd: ['description', 'newState', 'metadata'],
        actor: { _sd: ['name', 'email'] },
        requestContext: { _sd: ['ipAddress'] },
        metadata: { _sd: ['adminEmail'] },
      } as never,
      {
        alg: 'sha-256',
        hasher: (data, alg) =>
          createHash(alg.replace('-', ''))
            .update(Buffer.from(data as string))
            .digest(),
      },
      () => `salt-${salts++}`,
    );
    const entry = Buffer.from(JSON.stringify({ ...(packedClaims as object), _sd_alg: 'sha-256' }));
    const encoded = disclosures.map((disclosure) => disclosure.encode());
    const read = readEvent(1, entry, encoded);
    expect(read).toMatchObject({ fields: event, disclosed: 7, withheld: 0 });
    expect(readEvent(1, entry, encoded.slice(1))).toMatchObject({ withheld: 1 });
    expect(() => readEvent(1, entry, [...encoded, encoded[0] ?? ''])).toThrow(/twice/);
    expect(() => readEvent(1, entry, [...encoded.slice(1), 'WyJzYWx0IiwiZW1haWwiLCJ4Il0'])).toThrow(/no digest of it/);
  });
});

describe('an answer of the API', () => {
  const signer = makeLogSigner('flagtrail/01900000-0000-4000-8000-000000000004');
  const entries = Array.from({ length: 7 }, (_, n) => Buffer.from(JSON.stringify({ id: `event-${n}`, eventType: 'auth.login' })));
  const rootAt = (size: number) => treeOf(entries.slice(0, size).map(leafHash)).root();
  const base64 = (hashes: readonly Uint8Array[]) => hashes.map((hash) => toBuffer(hash).toString('base64'));
  const inclusion = async (fields: object = {}) =>
    JSON.stringify({
      data: {
        auditInclusionProof: {
          ...{ entry: String(entries[4]), leafIndex: 4, treeSize: 7, rootHash: rootAt(7).toString('base64') },
          ...{ hashes: base64(await RFC9162.PATH(4, entries)), checkpoint: { note: signer.checkpoint(7, rootAt(7)) } },
          ...fields,
        },
      },
    });
  const keys = [signer.line];

  it('proves with the key alone that one event is in the log', async () => {
    expect(verifyProof(await inclusion(), { keys, pins: [] })).toBe(
      `the event event-4 (auth.login) is at position 5 of the 7 events of ${signer.name}`,
    );
  });

  it.each([
    ['for another entry', { entry: String(entries[3]) }, Tampered],
    ['for another place', { leafIndex: 3 }, Tampered],
    ['with another root', { rootHash: rootAt(6).toString('base64') }, Tampered],
    ['that another key signed', { checkpoint: { note: makeLogSigner(signer.name).checkpoint(7, rootAt(7)) } }, CouldNotCheck],
    ['that nobody has signed yet', { checkpoint: null }, CouldNotCheck],
    ['without its hashes', { hashes: undefined }, CouldNotCheck],
  ])('proves nothing %s', async (_what, fields, Problem) => {
    const proof = await inclusion(fields);
    expect(() => verifyProof(proof, { keys, pins: [] })).toThrow(Problem);
  });

  it('proves between two pins that the log only grew', async () => {
    const pins = [3, 7].map((size) => ({ name: `${size}.note`, note: signer.checkpoint(size, rootAt(size)) }));
    const roots = { fromRootHash: rootAt(3).toString('base64'), toRootHash: rootAt(7).toString('base64') };
    const answer = { data: { auditConsistencyProof: { ...roots, hashes: base64(await consistencyOf(3, entries)) } } };
    const said = `the 7 events of ${signer.name} begin with the 3 events of ${signer.name}`;
    expect(verifyProof(JSON.stringify(answer), { keys, pins })).toBe(said);
    answer.data.auditConsistencyProof.hashes.reverse();
    expect(() => verifyProof(JSON.stringify(answer), { keys, pins })).toThrow(Tampered);
    expect(() => verifyProof(JSON.stringify(answer), { keys, pins: pins.slice(1) })).toThrow(/the root of the smaller tree/);
  });
});
