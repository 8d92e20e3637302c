import { beforeAll, describe, expect, it } from 'vitest';
import { createPostgresDatabase } from '../support/databases.ts';
import { json, request } from '../support/raw-http.ts';
import { openRawSocket } from '../support/raw-socket.ts';
import { startTestService, type TestService, token } from '../support/service.ts';

// What is small when it comes in, and large when it goes out.

let service: TestService;
let endpoint: string;
let headers: Record<string, string>;
beforeAll(async () => {
  service = await startTestService({ databaseUrl: (await createPostgresDatabase()).url });
  endpoint = `${service.url}/graphql`;
  headers = { authorization: `Bearer ${await token()}` };
  // A flag that holds 60 kB, and 200 schedules of it, within an hour of each other.
  const variants = [{ key: 'a', value: { text: 'x'.repeat(60_000) } }];
  await service.gql('mutation ($input: CreateFlagInput!) { createFlag(input: $input) { __typename } }', {
    input: { key: 'large', name: 'Large', type: 'OBJECT', variants },
  });
  const from = Date.now() + 86_400_000;
  for (let batch = 0; batch < 200; batch += 25) {
    const schedules = Array.from({ length: 25 }, (_, i) => {
      const scheduledAt = new Date(from + (batch + i) * 10_000).toISOString();
      return `s${i}: createSchedule(input: { flagKey: "large", scheduledAt: "${scheduledAt}", updates: { enabled: true } }) { __typename }`;
    });
    const { data } = await service.gql<Record<string, { __typename: string }>>(`mutation { ${schedules.join(' ')} }`);
    expect(Object.values(data ?? {}).map(({ __typename }) => __typename)).toEqual(schedules.map(() => 'Schedule'));
  }
}, 60_000);

const overHttp = async (query: string, variables: object = {}) => {
  const { status, body, text } = await request(endpoint, json({ query, variables }, headers));
  const [error] = body.errors ?? [];
  return { status, data: body.data, bytes: text.length, code: error?.extensions.code, message: error?.message };
};
const overSocket = async (query: string, variables: object = {}) => {
  const socket = openRawSocket(endpoint);
  await socket.init(await token());
  const { payload } = (await socket.run(query, variables)) as { payload: { data?: unknown; errors?: [object] } | [object] };
  const errors = Array.isArray(payload) ? payload : payload.errors;
  const [error] = (errors ?? []) as { message: string; extensions: { code: string } }[];
  return {
    data: Array.isArray(payload) ? undefined : payload.data,
    code: error?.extensions.code,
    message: error?.message,
  };
};

const long = 'x'.repeat(256);
describe('a name of 256 characters', () => {
  it.each([
    ['an alias', `{ ${long}: viewer { roles } }`],
    ['a field', `{ ${long} }`],
    ['an operation', `query ${long} { viewer { roles } }`],
    ['a fragment', `{ ...${long} } fragment ${long} on Query { viewer { roles } }`],
    ['a variable', `query ($${long}: ID!) { schedule(id: $${long}) { id } }`],
    ['an input field', `{ flags(filter: { ${long}: 1 }) { totalCount } }`],
  ])('of %s is refused before the document is looked at, and the refusal is short', async (_what, query) => {
    const message = expect.stringMatching(/^The name xxxxxxxxxxxxxxxxxxxx… at 1:\d+ has 256 characters: .* at most 255$/);
    expect(await overHttp(query)).toMatchObject({ status: 400, code: 'BAD_USER_INPUT', message });
    expect(await overSocket(query)).toMatchObject({ data: undefined, code: 'BAD_USER_INPUT', message });
  });

  it('is none where it is text, or in a comment; and one of 255 may be given', async () => {
    expect(await overHttp(`# ${long}\n{ flag(key: "${long}") { id } }`)).toMatchObject({ status: 200, data: { flag: null } });
    expect(await overHttp(`{ ${long.slice(1)}: viewer { roles } }`)).toMatchObject({ status: 200, code: undefined });
  });

  it('as an alias costs more the longer it is', async () => {
    const costOf = async (alias: string) => {
      const query = `{ flags(first: 200) { edges { node { history(first: 150) { edges { node { id ${alias}: flagKey } } } } } } }`;
      return (await request(endpoint, json({ query }, headers))).body.errors[0].extensions.cost.cost;
    };
    expect((await costOf('x'.repeat(255))) - (await costOf('x'))).toBe(200 * 150 * 3);
  });
});

/** Each of 200 schedules with the 60 kB of one flag, six times: 72 MB. */
const manyTimes = `first: 200) { edges { node { id flag { key ${Array.from({ length: 6 }, (_, i) => `v${i}: variants { value }`).join(' ')} } } } }`;
const tooLarge = { code: 'ANSWER_TOO_LARGE', message: expect.stringContaining('larger than 20 MiB') };

describe('an answer that would hold more than 20 MiB', () => {
  it('is refused with what it may hold, over HTTP and over a socket', async () => {
    const query = `{ schedules(${manyTimes} }`;
    const refused = await overHttp(query);
    expect(refused).toMatchObject({ status: 400, data: undefined, ...tooLarge });
    expect(refused.bytes).toBeLessThan(1000);
    expect(await overSocket(query)).toMatchObject({ data: undefined, ...tooLarge });
  });

  it('of a mutation says that the change may have been made, as it was', async () => {
    const query = `mutation { updateFlag(input: { flagKey: "large", name: "Changed" }) { ... on Flag { schedules(${manyTimes} } } }`;
    const message = expect.stringContaining('check that before you send it again');
    expect(await overHttp(query)).toMatchObject({ status: 400, data: undefined, code: 'ANSWER_TOO_LARGE', message });
    expect((await service.gql('{ flag(key: "large") { name } }')).data).toEqual({ flag: { name: 'Changed' } });
  });

  it('is no page of 12 MB, which comes whole', async () => {
    const { status, bytes } = await overHttp('{ schedules(first: 200) { edges { node { flag { variants { value } } } } } }');
    expect(status).toBe(200);
    expect(bytes).toBeGreaterThan(12_000_000);
  });
});

describe('an operation that reads more than 25,000 rows', () => {
  const conflicts = 'schedules(first: 200) { edges { node { conflicts { id } } } }';

  it('is ended, with how many it has read and what to do', async () => {
    const refused = {
      code: 'READ_TOO_MUCH',
      message: expect.stringMatching(/has read \d\d,\d{3} rows, but at most 25,000 .*`first`/),
    };
    expect(await overHttp(`{ a: ${conflicts} b: ${conflicts} }`)).toMatchObject({ status: 400, data: undefined, ...refused });
    expect(await overSocket(`{ a: ${conflicts} b: ${conflicts} }`)).toMatchObject({ data: undefined, ...refused });
  });

  it('is no page of 200 schedules with 100 conflicts each', async () => {
    const { status, data } = await overHttp(`{ ${conflicts} }`);
    expect(status).toBe(200);
    expect(data.schedules.edges).toHaveLength(200);
    expect(data.schedules.edges[0].node.conflicts).toHaveLength(100);
  });
});

describe('a page of schedules that hold 60 kB of rules each and conflict with each other', () => {
  it('reads each of them once, whoever has it among the conflicts', async () => {
    const rules = Array.from({ length: 4 }, (_, i) => ({
      key: `r${i}`,
      targeting: { if: [{ ends_with: [{ var: 'email' }, 'x'.repeat(15_000)] }, 'a', null] },
    }));
    await service.gql(`mutation ($input: CreateFlagInput!) { createFlag(input: $input) { __typename } }`, {
      input: { key: 'ruled', name: 'Ruled', type: 'OBJECT', variants: [{ key: 'a', value: {} }] },
    });
    for (let minute = 1; minute <= 40; minute++) {
      const scheduledAt = new Date(Date.now() + 86_400_000 + minute * 60_000).toISOString();
      const input = { flagKey: 'ruled', scheduledAt, updates: { rules } };
      const create = 'mutation ($input: CreateScheduleInput!) { createSchedule(input: $input) { __typename } }';
      expect((await service.gql(create, { input })).data).toEqual({ createSchedule: { __typename: 'Schedule' } });
    }
    const query = '{ schedules(first: 40, filter: { flagKey: "ruled" }) { edges { node { conflicts { id } } } } }';
    const { status, data } = await overHttp(query);
    expect(status).toBe(200);
    expect(data.schedules.edges).toHaveLength(40);
    for (const { node } of data.schedules.edges) expect(node.conflicts).toHaveLength(39);
  });
});
