import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { operationsOf } from '../support/api-key-operations.ts';
import { createPostgresDatabase } from '../support/databases.ts';
import { hashLeaf, makeMerkleTree, verifyConsistency, verifyInclusion } from '../support/merkle.ts';
import { startTestService, type TestService, token } from '../support/service.ts';

/** What an outsider does, with nothing but HTTP. */
const outsiderOf = ({ url }: TestService, headers: Record<string, string>) => {
  const fetchLog = async (path: string) => {
    const response = await fetch(`${url}/log/${path}`, { headers });
    expect([path, response.status]).toEqual([path, 200]);
    return Buffer.from(await response.arrayBuffer());
  };
  return {
    fetchLog,
    checkpoint: async () => {
      const [origin = '', size, root = ''] = (await fetchLog('checkpoint')).toString().split('\n');
      return { origin, size: Number(size), root: Buffer.from(root, 'base64') };
    },
    entries: async (size: number) => {
      const bundle = await fetchLog(`tile/entries/000.p/${size}`);
      const entries: string[] = [];
      for (let at = 0; at < bundle.length; ) {
        const end = at + 2 + bundle.readUInt16BE(at);
        entries.push(bundle.toString('utf8', at + 2, end));
        at = end;
      }
      return entries;
    },
  };
};

const createFlags = async (service: TestService, keys: readonly string[]) => {
  for (const key of keys) await service.gql(`mutation { createFlag(input: { key: "${key}", name: "A flag" }) { __typename } }`);
};

describe('an auditor who has only HTTP', () => {
  let service: TestService;
  let auditor: ReturnType<typeof outsiderOf>;
  beforeAll(async () => {
    service = await startTestService({ databaseUrl: (await createPostgresDatabase()).url });
    auditor = outsiderOf(service, { authorization: `Bearer ${await token({ sub: 'an-auditor', groups: ['auditor'] })}` });
    await createFlags(service, ['one', 'two', 'three']);
    await vi.waitFor(
      async () => {
        const { data } = await service.gql<{ auditCheckpoint: { treeSize: number } | null }>('{ auditCheckpoint { treeSize } }');
        expect(data?.auditCheckpoint?.treeSize).toBeGreaterThanOrEqual(3);
      },
      { timeout: 20_000 },
    );
  });

  it('finds that the entries, and the tile of their hashes, lead to the root of the checkpoint', async () => {
    const { size, root, origin } = await auditor.checkpoint();
    expect(origin).toMatch(/^flagtrail\//);
    const leaves = (await auditor.entries(size)).map((entry) => hashLeaf(entry));
    expect(leaves).toHaveLength(size);
    expect(makeMerkleTree(leaves).rootAt(size)).toEqual(root);
    expect(await auditor.fetchLog(`tile/0/000.p/${size}`)).toEqual(Buffer.concat(leaves));
  });

  it('finds that the disclosures are those that the entries have digests of', async () => {
    const { size } = await auditor.checkpoint();
    const entries = await auditor.entries(size);
    const lines = (await auditor.fetchLog(`disclosures/000.p/${size}`)).toString().trimEnd().split('\n');
    expect(lines).toHaveLength(size);
    const disclosures = lines.map((line) => JSON.parse(line) as string[]);
    expect(disclosures.flat().length).toBeGreaterThan(size);
    for (const [position, ofOne] of disclosures.entries()) {
      for (const disclosure of ofOne) {
        expect(entries[position]).toContain(createHash('sha256').update(disclosure).digest('base64url'));
      }
    }
  });

  it('finds that an event of the API is in the log that the checkpoint signs, and that the log only grew since', async () => {
    const kept = await auditor.checkpoint();
    await createFlags(service, ['four']);
    await expect.poll(async () => (await auditor.checkpoint()).size, { timeout: 20_000 }).toBeGreaterThan(kept.size);
    const now = await auditor.checkpoint();
    type Found = { auditEvents: { edges: { node: { id: string; leafHash: string } }[] } };
    const { data } = await service.gql<Found>(
      '{ auditEvents(first: 1, order: OLDEST_FIRST) { edges { node { id leafHash } } } }',
    );
    const event = data?.auditEvents.edges[0]?.node;
    type Proofs = {
      auditInclusionProof: { leafIndex: number; treeSize: number; leafHash: string; rootHash: string; hashes: string[] };
      auditConsistencyProof: { hashes: string[]; fromRootHash: string; toRootHash: string };
    };
    const proofs = await service.gql<Proofs>(
      `query ($id: ID!, $from: SafeInt!, $to: SafeInt!) {
        auditInclusionProof(id: $id) { leafIndex treeSize leafHash rootHash hashes checkpoint { treeSize } }
        auditConsistencyProof(from: $from, to: $to) { hashes fromRootHash toRootHash } }`,
      { id: event?.id, from: kept.size, to: now.size },
      { as: await token({ groups: ['auditor'] }) },
    );
    const { auditInclusionProof: inclusion, auditConsistencyProof: consistency } = proofs.data ?? expect.unreachable();
    const bytes = (base64: string) => Buffer.from(base64, 'base64');
    expect(inclusion.leafHash).toBe(event?.leafHash);
    expect(
      verifyInclusion({
        leafIndex: inclusion.leafIndex,
        size: inclusion.treeSize,
        leafHash: bytes(inclusion.leafHash),
        hashes: inclusion.hashes.map(bytes),
        root: bytes(inclusion.rootHash),
      }),
    ).toBe(true);
    const hashes = consistency.hashes.map(bytes);
    expect(verifyConsistency({ from: kept.size, to: now.size, fromRoot: kept.root, toRoot: now.root, hashes })).toBe(true);
  });

  it('may use an API key, and any other role is refused and recorded', async () => {
    const { secret } = await operationsOf(service).newKey({ roles: ['AUDITOR'] });
    expect((await outsiderOf(service, { authorization: `Bearer ${secret}` }).checkpoint()).size).toBeGreaterThan(0);
    const headers = {
      authorization: `Bearer ${await token({ sub: 'a-writer', groups: ['audit-writer'] })}`,
      'x-request-id': 'of-a-test',
    };
    const refused = await fetch(`${service.url}/log/tile/entries/000`, { headers });
    expect([refused.status, refused.headers.get('x-request-id')]).toEqual([403, 'of-a-test']);
    type Denied = { auditEvents: { edges: { node: { actor: { id: string }; metadata: object } }[] } };
    await expect
      .poll(async () => {
        const query =
          '{ auditEvents(first: 1, filter: { types: [ACCESS_DENIED] }) { edges { node { actor { id } metadata } } } }';
        return (await service.gql<Denied>(query)).data?.auditEvents.edges[0]?.node;
      })
      .toEqual({ actor: { id: 'a-writer' }, metadata: { operation: '/log/tile/entries', requiredRole: 'AUDITOR' } });
  });

  it('is the only one whom the log is for: a stranger gets nothing', async () => {
    for (const path of ['checkpoint', 'tile/0/000', 'tile/entries/000', 'disclosures/000', '']) {
      expect((await fetch(`${service.url}/log/${path}`)).status).toBe(401);
    }
  });
});

it('with LOG_PUBLIC=true strangers check the log, and read nothing personal', async () => {
  const service = await startTestService({ env: { LOG_PUBLIC: 'true' } });
  await createFlags(service, ['one']);
  const stranger = outsiderOf(service, {});
  await expect.poll(async () => (await fetch(`${service.url}/log/checkpoint`)).status, { timeout: 20_000 }).toBe(200);
  await expect.poll(async () => (await stranger.checkpoint()).size, { timeout: 20_000 }).toBeGreaterThan(0);
  const { size, root } = await stranger.checkpoint();
  const entries = await stranger.entries(size);
  expect(makeMerkleTree(entries.map((entry) => hashLeaf(entry))).rootAt(size)).toEqual(root);
  expect(entries.join()).not.toMatch(/A flag|127\.0\.0\.1|node|@/);
  expect((await fetch(`${service.url}/log/disclosures/000.p/1`)).status).toBe(401);
});
