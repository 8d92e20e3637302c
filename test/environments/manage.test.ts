import { beforeAll, expect, it } from 'vitest';
import { eventsOf } from '../api-keys/operations.ts';
import { createPostgresDatabase } from '../support/databases.ts';
import { startTestService, type TestService, token } from '../support/service.ts';

type Result = {
  __typename: string;
  key?: string;
  name?: string;
  enabled?: boolean;
  code?: string;
  issues?: { path: string[] }[];
};

let service: TestService;
beforeAll(async () => {
  service = await startTestService({ databaseUrl: (await createPostgresDatabase()).url });
});

const change = async (field: string, input: object): Promise<Result> => {
  const type = field === 'createEnvironment' ? 'CreateEnvironmentInput' : 'SetEnvironmentEnabledInput';
  const query = `mutation ($input: ${type}!) { result: ${field}(input: $input) {
    __typename ... on Environment { key name enabled } ... on Error { code } ... on ValidationError { issues { path } } } }`;
  const { data, ...rest } = await service.gql<{ result: Result }>(query, { input });
  return data?.result ?? expect.unreachable(JSON.stringify(rest));
};
const eventsOfEnvironment = (key: string, count: number) =>
  eventsOf(service, { resourceType: 'environment', resourceId: key }, count);

it('creates, disables and enables an environment, with an event each, and records nothing where nothing changes', async () => {
  const key = 'qa';
  expect(await change('createEnvironment', { key, name: 'Quality' })).toEqual({
    __typename: 'Environment',
    key,
    name: 'Quality',
    enabled: true,
  });
  await change('enableEnvironment', { key });
  expect(await change('disableEnvironment', { key })).toMatchObject({ __typename: 'Environment', enabled: false });
  await change('disableEnvironment', { key });
  expect(await change('enableEnvironment', { key })).toMatchObject({ enabled: true });

  const events = await eventsOfEnvironment(key, 3);
  expect(events.map(({ eventType, description }) => [eventType, description])).toEqual([
    ['environment.created', "Environment 'qa' was created"],
    ['environment.disabled', "Environment 'qa' was disabled"],
    ['environment.enabled', "Environment 'qa' was enabled"],
  ]);
  const on = { key, name: 'Quality', enabled: true };
  const off = { ...on, enabled: false };
  expect(events.map(({ previousState, newState }) => [previousState, newState])).toEqual([
    [null, on],
    [on, off],
    [off, on],
  ]);
  for (const event of events) {
    expect(event).toMatchObject({
      environment: key,
      actor: { type: 'USER', id: 'admin-a' },
      resource: { type: 'environment', id: key },
      requestContext: { ipAddress: expect.any(String), requestId: expect.any(String) },
    });
    expect(event.metadata).toEqual({ environment: key, name: 'Quality', adminUserId: 'admin-a', adminEmail: null });
  }
  expect(events[1]?.changes).toEqual([{ field: 'enabled', previousValue: true, newValue: false }]);
  const { data } = await service.gql<{ environments: unknown[] }>('{ environments { key name enabled } }');
  expect(data?.environments).toContainEqual(on);
});

it('refuses a key that is taken, one that no URL or file should carry, and one that is unknown', async () => {
  expect(await change('createEnvironment', { key: 'staging', name: 'x' })).toMatchObject({ code: 'ENVIRONMENT_ALREADY_EXISTS' });
  for (const input of [
    { key: '-x', name: 'x' },
    { key: 'ä', name: 'x' },
    { key: 'x'.repeat(65), name: 'x' },
  ]) {
    expect(await change('createEnvironment', input)).toMatchObject({
      __typename: 'ValidationError',
      issues: [{ path: ['key'] }],
    });
  }
  expect(await change('createEnvironment', { key: 'x', name: '' })).toMatchObject({ issues: [{ path: ['name'] }] });
  for (const field of ['enableEnvironment', 'disableEnvironment']) {
    expect(await change(field, { key: 'x' })).toMatchObject({ code: 'ENVIRONMENT_NOT_FOUND' });
    expect(await change(field, { key: '' })).toMatchObject({ __typename: 'ValidationError' });
  }
});

it('refuses new schedules in a disabled environment with an error that says so', async () => {
  await change('createEnvironment', { key: 'off', name: 'x' });
  await service.gql('mutation { createFlag(input: { key: "f", name: "f" }) { __typename } }');
  await change('disableEnvironment', { key: 'off' });
  const { data } = await service.gql(
    `mutation ($at: DateTime!) { createSchedule(input: { flagKey: "f", environment: "off", scheduledAt: $at, updates: { enabled: true } }) {
      __typename ... on EnvironmentDisabledError { code environment } } }`,
    { at: new Date(Date.now() + 60_000).toISOString() },
  );
  expect(data).toEqual({
    createSchedule: { __typename: 'EnvironmentDisabledError', code: 'ENVIRONMENT_DISABLED', environment: 'off' },
  });
});

it('takes an admin', async () => {
  const as = await token({ groups: ['auditor'] });
  for (const field of ['createEnvironment', 'enableEnvironment', 'disableEnvironment']) {
    const name = field === 'createEnvironment' ? ', name: "x"' : '';
    const { status } = await service.gql(`mutation { ${field}(input: { key: "x"${name} }) { __typename } }`, {}, { as });
    expect(status).toBe(403);
  }
});
