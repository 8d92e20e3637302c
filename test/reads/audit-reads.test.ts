import { beforeAll, describe, expect, it } from 'vitest';
import { eventsOf } from '../support/api-key-operations.ts';
import { createPostgresDatabase, type TestDatabase } from '../support/databases.ts';
import { startTestService, type TestService, token } from '../support/service.ts';

let db: TestDatabase & { url: string };
/** One process that records reads, and one on the same database that does not. */
let recording: TestService;
let silent: TestService;
beforeAll(async () => {
  db = await createPostgresDatabase();
  recording = await startTestService({ databaseUrl: db.url, env: { AUDIT_READS: 'viewed, exported' } });
  silent = await startTestService({ databaseUrl: db.url, env: { ROLES: 'api' } });
  for (const input of [
    { key: 'on', name: 'On', tags: ['a'] },
    { key: 'empty', name: 'Without variants', type: 'STRING' },
    { key: 'theme', name: 'Theme', type: 'STRING', variants: [{ key: 'dark', value: '#000' }] },
  ]) {
    await recording.gql('mutation ($input: CreateFlagInput!) { createFlag(input: $input) { __typename } }', { input });
  }
  await recording.gql(
    'mutation { updateFlagState(input: { flagKey: "on", environment: "staging", updates: { enabled: true } }) { __typename } }',
  );
});

const exportQuery = 'query ($environment: String!) { exportFlags(environment: $environment) }';
type Document = { $schema: string; flags: Record<string, { state: string; variants: object }> };

describe('with AUDIT_READS', () => {
  it('looking at a flag is recorded: who, from where, which flag; once an operation, and not where there is no such flag', async () => {
    const as = await token({ sub: 'viewer', groups: ['auditor'], email: 'viewer@example.com' });
    const query =
      '{ a: flag(key: "on") { id } b: flag(key: "on") { name } c: flag(key: "theme") { id } d: flag(key: "none") { id } }';
    const { data } = await recording.gql<Record<string, { id: string }>>(
      query,
      {},
      { as, headers: { 'x-request-id': 'read-1' } },
    );
    await eventsOf(recording, { actorId: 'viewer' }, 2);
    await recording.gql('{ flag(key: "on") { id } flags { totalCount edges { node { key } } } }', {}, { as });
    const events = await eventsOf(recording, { actorId: 'viewer' }, 3);
    expect(events.map(({ eventType, metadata }) => [eventType, metadata])).toEqual([
      ['flag.viewed', { flagKey: 'on' }],
      ['flag.viewed', { flagKey: 'theme' }],
      ['flag.viewed', { flagKey: 'on' }],
    ]);
    expect(events[0]).toMatchObject({
      actor: { type: 'USER', id: 'viewer', email: 'viewer@example.com' },
      resource: { type: 'flag', id: data?.a?.id },
      description: "Flag 'on' was viewed",
      requestContext: { requestId: 'read-1', ipAddress: expect.any(String) },
      result: 'SUCCESS',
      changes: [],
    });
  });

  it('an export is recorded: of which environment, in which format, and how many flags left', async () => {
    const as = await token({ sub: 'exporter', groups: ['auditor'] });
    await recording.gql(exportQuery, { environment: 'staging' }, { as });
    const [event] = await eventsOf(recording, { actorId: 'exporter' });
    expect(event).toMatchObject({
      eventType: 'flag.exported',
      environment: 'staging',
      resource: { type: 'environment', id: 'staging' },
      metadata: { environment: 'staging', format: 'flagd' },
    });
    expect(event?.description).toMatch(/^\d+ flags of staging were exported as flagd$/);
  });

  it('reads go on where nothing can be recorded, and are recorded later', async () => {
    const as = await token({ sub: 'patient', groups: ['auditor'] });
    await db.sql('ALTER TABLE audit_outbox RENAME TO gone');
    const { data } = await recording.gql('{ flag(key: "on") { key } exportFlags }', {}, { as });
    expect(data).toMatchObject({ flag: { key: 'on' }, exportFlags: { flags: { on: {} } } });
    await db.sql('ALTER TABLE gone RENAME TO audit_outbox');
    const events = await eventsOf(recording, { actorId: 'patient' }, 2);
    expect(events.map(({ eventType }) => eventType).toSorted()).toEqual(['flag.exported', 'flag.viewed']);
  });
});

it('without AUDIT_READS neither a view nor an export is recorded', async () => {
  const as = await token({ sub: 'unseen', groups: ['auditor'] });
  expect((await silent.gql('{ flag(key: "on") { key } exportFlags }', {}, { as })).data).toMatchObject({ flag: { key: 'on' } });
  // A refusal goes the same way into the log, behind what came before it.
  await silent.gql('mutation { deleteFlag(input: { flagKey: "on" }) { __typename } }', {}, { as });
  const events = await eventsOf(recording, { actorId: 'unseen' });
  expect(events.map(({ eventType }) => eventType)).toEqual(['access.denied']);
});

describe('exportFlags', () => {
  it('gives an environment as flagd defines it, without what flagd cannot have', async () => {
    const { data } = await silent.gql<{ exportFlags: Document }>(exportQuery, { environment: 'staging' });
    const { $schema, flags } = data?.exportFlags ?? expect.unreachable();
    expect($schema).toBe('https://flagd.dev/schema/v0/flags.json');
    expect(flags.on).toMatchObject({ state: 'ENABLED', variants: { on: true, off: false } });
    expect(flags.theme).toMatchObject({ state: 'DISABLED', variants: { dark: '#000' } });
    expect(Object.keys(flags)).not.toContain('empty');
    const production = await silent.gql<{ exportFlags: Document }>('{ exportFlags }');
    expect(production.data?.exportFlags.flags.on).toMatchObject({ state: 'DISABLED' });
  });

  it('gives more flags than a page of the store holds', async () => {
    await db.sql(`INSERT INTO feature_flags (id, key, name, created_at, updated_at)
      SELECT gen_random_uuid(), 'flag-' || n, 'x', now(), now() FROM generate_series(1, 450) n`);
    await db.sql(`INSERT INTO feature_flag_states (flag_id, environment_key, updated_at)
      SELECT id, 'production', now() FROM feature_flags ON CONFLICT DO NOTHING`);
    const { data } = await silent.gql<{ exportFlags: Document }>('{ exportFlags }');
    const keys = Object.keys(data?.exportFlags.flags ?? {});
    expect(keys.filter((key) => key.startsWith('flag-'))).toHaveLength(450);
  });

  it('refuses an environment that there is none of, and more than two exports an operation', async () => {
    const unknown = await silent.gql(exportQuery, { environment: 'nowhere' });
    expect([unknown.status, unknown.errors?.[0]?.extensions?.code]).toEqual([400, 'BAD_USER_INPUT']);
    expect(unknown.errors?.[0]?.message).toBe("There is no environment 'nowhere'");
    expect((await silent.gql('{ a: exportFlags b: exportFlags }')).status).toBe(200);
    expect((await silent.gql('{ a: exportFlags b: exportFlags c: exportFlags }')).status).toBe(400);
  });

  it('is refused to who may not read the log', async () => {
    expect((await silent.gql('{ exportFlags }', {}, { as: await token({ groups: ['audit-writer'] }) })).status).toBe(403);
  });
});
