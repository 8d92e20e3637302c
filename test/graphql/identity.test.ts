import { beforeAll, describe, expect, it } from 'vitest';
import { eventsOf, operationsOf } from '../support/api-key-operations.ts';
import { createPostgresDatabase } from '../support/databases.ts';
import { startTestService, type TestService, token } from '../support/service.ts';

const stateFields = '... on FlagState { id flagKey environment version flag { id key createdBy } }';
type State = {
  id: string;
  flagKey: string;
  environment: string;
  version: number;
  flag: { id: string; key: string; createdBy: string | null };
};
type Actor = { type: string; id: string; name: string | null; email: string | null };

let service: TestService;
beforeAll(async () => {
  service = await startTestService({ databaseUrl: (await createPostgresDatabase()).url });
});
const asOf = (sub: string, name: string) => token({ sub, name, email: `${sub}@example.com` });
const createFlag = async (key: string, as?: string) => {
  const variants = [
    { key: 'on', value: true },
    { key: 'off', value: false },
  ];
  const query =
    'mutation ($input: CreateFlagInput!) { createFlag(input: $input) { ... on Flag { id createdBy createdByActor { id } } } }';
  const { data } = await service.gql<{ createFlag: { id: string; createdBy: string; createdByActor: { id: string } } }>(
    query,
    { input: { key, name: key, variants } },
    { as: as ?? (await asOf('ada', 'Ada')) },
  );
  return data?.createFlag ?? expect.unreachable();
};

/** Each mutation that answers with a state, in an order in which all of them work. */
const target = { flagKey: 'same', environment: 'staging' };
const rule = { key: 'r', targeting: { if: [{ '==': [{ var: 'a' }, 1] }, 'on', null] } };
const mutations: [field: string, type: string, input: object][] = [
  ['updateFlagState', 'UpdateFlagStateInput', { updates: { enabled: true } }],
  ['addFlagRule', 'AddFlagRuleInput', { rule }],
  ['updateFlagRule', 'UpdateFlagRuleInput', { rule: { ...rule, description: 'x' } }],
  ['removeFlagRule', 'RemoveFlagRuleInput', { ruleKey: 'r' }],
  ['addFlagOverride', 'AddFlagOverrideInput', { override: { type: 'USER', targetId: 'u', variant: 'on' } }],
  ['removeFlagOverride', 'RemoveFlagOverrideInput', { override: { type: 'USER', targetId: 'u' } }],
  ['emergencyOverride', 'EmergencyOverrideInput', { updates: { enabled: false }, reason: 'x' }],
  ['liftEmergencyOverride', 'LiftEmergencyOverrideInput', {}],
];

describe('a state of a flag', () => {
  it('has the same id wherever it is reached: by its flag, by a list, by a mutation, by the error of one; another environment has another', async () => {
    const { id: flagId } = await createFlag('same');
    const { data } = await service.gql<{
      flag: { state: State; states: State[] };
      flags: { edges: { node: { states: State[] } }[] };
    }>(`{ flag(key: "same") { state(environment: "staging") { ${stateFields} } states { ${stateFields} } }
      flags(filter: { search: "same" }) { edges { node { states { ${stateFields} } } } } }`);
    const found = data?.flag.state ?? expect.unreachable();
    const { id } = found;
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    const expected = { id, flagKey: 'same', environment: 'staging', flag: { id: flagId, key: 'same', createdBy: 'ada' } };
    expect(found).toEqual({ ...expected, version: 1 });
    const ids = data?.flag.states.map((state) => state.id);
    expect(new Set(ids).size).toBe(3);
    expect(data?.flag.states).toContainEqual({ ...expected, version: 1 });
    expect(data?.flags.edges[0]?.node.states.map((state) => state.id)).toEqual(ids);

    for (const [field, type, input] of mutations) {
      const query = `mutation ($input: ${type}!) { result: ${field}(input: $input) { __typename ${stateFields} } }`;
      const answer = await service.gql<{ result: State }>(query, { input: { ...target, ...input } });
      expect([field, answer.data?.result]).toEqual([
        field,
        { __typename: 'FlagState', ...expected, version: expect.any(Number) },
      ]);
    }
    const conflict = await service.gql<{ result: { current: State } }>(
      `mutation ($input: UpdateFlagStateInput!) { result: updateFlagState(input: $input) { ... on VersionConflictError { current { ${stateFields} } } } }`,
      { input: { ...target, updates: { enabled: true }, expectedVersion: 1 } },
    );
    expect(conflict.data?.result.current).toEqual({ ...expected, version: mutations.length + 1 });
  });
});

describe('who did it', () => {
  const actorFields = '{ type id name email }';
  const read = async (flagKey: string, scheduleId: string, as?: string) => {
    const { data } = await service.gql<{
      flag: { createdBy: string; createdByActor: Actor };
      schedule: { createdByActor: Actor; cancelledByActor: Actor | null };
    }>(
      `query ($key: String!, $id: ID!) { flag(key: $key) { createdBy createdByActor ${actorFields} }
        schedule(id: $id) { createdByActor ${actorFields} cancelledByActor ${actorFields} } }`,
      { key: flagKey, id: scheduleId },
      as === undefined ? {} : { as },
    );
    return data ?? expect.unreachable();
  };

  it('is told of a flag and of a schedule as the log knew them then, whoever asks and whatever they are called now', async () => {
    const [ada, grace] = [await asOf('ada', 'Ada'), await asOf('grace', 'Grace')];
    await createFlag('who', ada);
    const schedule = await service.gql<{ createSchedule: { id: string; createdByActor: Actor | null } }>(
      `mutation ($at: DateTime!) { createSchedule(input: { flagKey: "who", scheduledAt: $at, updates: { enabled: true } }) {
        ... on Schedule { id createdByActor ${actorFields} } } }`,
      { at: new Date(Date.now() + 3_600_000).toISOString() },
      { as: ada },
    );
    const snapshot = { type: 'USER', id: 'ada', name: 'Ada', email: 'ada@example.com' };
    // The log need not have it yet: whoever did it is known to themselves.
    expect(schedule.data?.createSchedule.createdByActor).toEqual(snapshot);
    const { id } = schedule.data?.createSchedule ?? expect.unreachable();
    await service.gql('mutation ($id: ID!) { cancelSchedule(input: { id: $id }) { __typename } }', { id }, { as: grace });
    await eventsOf(service, { scheduleId: id }, 2);

    const renamed = await asOf('ada', 'Ada Lovelace');
    for (const as of [renamed, grace]) {
      const { flag, schedule } = await read('who', id, as);
      expect(flag).toEqual({ createdBy: 'ada', createdByActor: snapshot });
      expect(schedule).toEqual({
        createdByActor: snapshot,
        cancelledByActor: { type: 'USER', id: 'grace', name: 'Grace', email: 'grace@example.com' },
      });
    }
  });

  it('is null where neither the log nor the caller knows: nothing is made up', async () => {
    const db = await createPostgresDatabase();
    const other = await startTestService({ databaseUrl: db.url });
    await db.sql(`INSERT INTO feature_flags (id, key, name, created_by, created_at, updated_at)
      VALUES ('01900000-0000-7000-8000-000000000001', 'restored', 'x', 'grace', now(), now())`);
    const query = '{ flag(key: "restored") { createdBy createdByActor { type id } } }';
    const by = async (sub: string) => (await other.gql<{ flag: object }>(query, {}, { as: await asOf(sub, sub) })).data?.flag;
    expect(await by('ada')).toEqual({ createdBy: 'grace', createdByActor: null });
    expect(await by('grace')).toEqual({ createdBy: 'grace', createdByActor: { type: 'USER', id: 'grace' } });
  });
});

describe('an API key', () => {
  it('is found by its id, by an admin alone', async () => {
    const { apiKey } = await operationsOf(service).newKey({ name: 'shop', roles: ['AUDITOR'] });
    const find = (id: string, as?: string) =>
      service.gql<{ apiKey: { name: string } | null }>(
        'query ($id: ID!) { apiKey(id: $id) { name prefix roles } }',
        { id },
        as ? { as } : {},
      );
    expect((await find(apiKey.id)).data?.apiKey).toMatchObject({ name: 'shop', prefix: apiKey.prefix });
    expect((await find('01900000-0000-7000-8000-000000000009')).data).toEqual({ apiKey: null });
    expect((await find(apiKey.id, await token({ groups: ['auditor'] }))).status).toBe(403);
    expect((await find('5')).errors?.[0]?.extensions?.code).toBe('BAD_USER_INPUT');
  });
});
