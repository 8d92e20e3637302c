import { expect, it } from 'vitest';
import { openNote } from '../../src/transparency/signing/ed25519-notes.ts';
import { createPostgresDatabase } from '../support/databases.ts';
import { merkleRoot, readLeaves } from '../support/leaves.ts';
import { request } from '../support/raw-http.ts';
import { startTestService } from '../support/service.ts';

it('what a service signs is the same over GraphQL and HTTP, opens with the key that serviceStatus names, and is the root of its entries', async () => {
  const database = await createPostgresDatabase();
  const service = await startTestService({ databaseUrl: database.url, env: { LOG_PUBLIC: 'true' } });
  await service.gql('mutation { createFlag(input: { key: "one", name: "One" }) { __typename } }');
  const signedSize = async () => {
    const { data } = await service.gql<{
      serviceStatus: { log: { id: string; size: number; signedSize: number; signingKey: string } };
    }>('{ serviceStatus { log { id epoch size signingKey signedSize signedAt } } }');
    return data?.serviceStatus.log;
  };
  await expect.poll(signedSize, { timeout: 20_000 }).toMatchObject({ size: 1, signedSize: 1 });
  const log = (await signedSize()) ?? expect.unreachable();

  const { text: note } = await request(`${service.url}/log/checkpoint`);
  const root = merkleRoot(await readLeaves(database)).toString('base64');
  expect(openNote(note, [log.signingKey])).toBe(`flagtrail/${log.id}\n1\n${root}\n`);
  const { data } = await service.gql<{ auditCheckpoint: object }>('{ auditCheckpoint { note treeSize rootHash } }');
  expect(data?.auditCheckpoint).toEqual({ note, treeSize: 1, rootHash: root });
});
