import { beforeAll, expect, it } from 'vitest';
import { eventsOf } from '../support/api-key-operations.ts';
import { createPostgresDatabase } from '../support/databases.ts';
import { startTestService, type TestService, token } from '../support/service.ts';

type Result = {
  __typename: string;
  key?: string;
  name?: string;
  enabled?: boolean;
  code?: string;
  issues?: { path: string[]; message: string }[];
  message?: string;
  changedFlags?: number;
  openSchedules?: number;
};

let service: TestService;
beforeAll(async () => {
  service = await startTestService({ databaseUrl: (await createPostgresDatabase()).url });
});

const inputTypes: Record<string, string> = {
  createEnvironment: 'CreateEnvironmentInput',
  updateEnvironment: 'UpdateEnvironmentInput',
  deleteEnvironment: 'DeleteEnvironmentInput',
};
const change = async (field: string, input: object): Promise<Result> => {
  const type = inputTypes[field] ?? 'SetEnvironmentEnabledInput';
  const query = `mutation ($input: ${type}!) { result: ${field}(input: $input) {
    __typename ... on Environment { key name enabled } ... on Error { code }
    ... on ValidationError { issues { path message } }${
      field === 'deleteEnvironment' ? ' ... on EnvironmentNotEmptyError { message changedFlags openSchedules }' : ''
    } } }`;
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

it('renames an environment, with an event that names both names, and records nothing where nothing changes', async () => {
  await change('createEnvironment', { key: 'old-name', name: 'Old' });
  expect(await change('updateEnvironment', { key: 'old-name', name: 'New' })).toMatchObject({ key: 'old-name', name: 'New' });
  await change('updateEnvironment', { key: 'old-name', name: 'New' });
  await change('disableEnvironment', { key: 'old-name' });
  const events = await eventsOfEnvironment('old-name', 3);
  expect(events.map(({ eventType, description }) => [eventType, description])).toEqual([
    ['environment.created', "Environment 'old-name' was created"],
    ['environment.updated', "Environment 'old-name' was updated: name changed from 'Old' to 'New'"],
    ['environment.disabled', "Environment 'old-name' was disabled"],
  ]);
  expect(await change('updateEnvironment', { key: 'nowhere', name: 'x' })).toMatchObject({ code: 'ENVIRONMENT_NOT_FOUND' });
  expect(await change('updateEnvironment', { key: 'old-name', name: '' })).toMatchObject({ issues: [{ path: ['name'] }] });
});

it('deletes an environment once nothing is set or scheduled in it, and says what is in the way until then', async () => {
  const key = 'doomed';
  await change('createEnvironment', { key, name: 'Doomed' });
  const mutate = (field: string, type: string, input: object) =>
    service.gql<{ result: { id?: string } }>(
      `mutation ($input: ${type}!) { result: ${field}(input: $input) { __typename ${field === 'createSchedule' ? '... on Schedule { id }' : ''} } }`,
      { input },
    );
  for (const flagKey of ['d1', 'd2']) await mutate('createFlag', 'CreateFlagInput', { key: flagKey, name: flagKey });
  const set = (flagKey: string, updates: object) =>
    mutate('updateFlagState', 'UpdateFlagStateInput', { flagKey, environment: key, updates });
  await set('d1', { enabled: true, defaultVariant: 'on' });
  await set('d2', { rolloutPercentage: 5 });
  const scheduledAt = new Date(Date.now() + 3_600_000).toISOString();
  const { data } = await mutate('createSchedule', 'CreateScheduleInput', {
    flagKey: 'd1',
    environment: key,
    scheduledAt,
    updates: { enabled: false },
  });
  const refused = await change('deleteEnvironment', { key });
  expect(refused).toMatchObject({ code: 'ENVIRONMENT_NOT_EMPTY', changedFlags: 2, openSchedules: 1 });
  expect(refused.message).toContain("'doomed' is not empty: 2 flags in it differ from a new flag, and it has 1 open schedule.");

  await mutate('cancelSchedule', 'CancelScheduleInput', { id: data?.result.id });
  await set('d1', { enabled: false });
  expect(await change('deleteEnvironment', { key })).toMatchObject({ changedFlags: 1, openSchedules: 0 });
  await set('d2', { rolloutPercentage: 100 });
  expect(await change('deleteEnvironment', { key })).toMatchObject({ __typename: 'Environment', key, name: 'Doomed' });

  expect(await change('deleteEnvironment', { key })).toMatchObject({ code: 'ENVIRONMENT_NOT_FOUND' });
  const left = await service.gql<{ schedule: object; flag: { states: { environment: string }[] } }>(
    'query ($id: ID!) { schedule(id: $id) { status environment } flag(key: "d1") { states { environment } } }',
    { id: data?.result.id },
  );
  expect(left.data?.schedule).toEqual({ status: 'CANCELLED', environment: key });
  expect(left.data?.flag.states.map(({ environment }) => environment)).not.toContain(key);
  const events = await eventsOfEnvironment(key, 2);
  expect(events[1]).toMatchObject({
    eventType: 'environment.deleted',
    description: "Environment 'doomed' was deleted",
    previousState: { key, name: 'Doomed', enabled: true },
    newState: null,
  });
});

it('keeps production, which arguments name by default, and the default environment of events', async () => {
  const refused = await change('deleteEnvironment', { key: 'production' });
  expect(refused).toMatchObject({ __typename: 'ValidationError', issues: [{ path: ['key'] }] });
  expect(refused.issues?.[0]?.message).toContain('is production, which cannot be deleted');
  const other = await startTestService({ env: { DEFAULT_ENVIRONMENT: 'staging' } });
  const { data } = await other.gql<{ result: { __typename: string; message: string } }>(
    'mutation { result: deleteEnvironment(input: { key: "staging" }) { __typename ... on Error { message } } }',
  );
  expect(data?.result).toMatchObject({ __typename: 'ValidationError', message: expect.stringContaining('DEFAULT_ENVIRONMENT') });
});

it('nobody but an admin can change environments', async () => {
  const as = await token({ groups: ['auditor'] });
  for (const field of [
    'createEnvironment',
    'updateEnvironment',
    'deleteEnvironment',
    'enableEnvironment',
    'disableEnvironment',
  ]) {
    const name = /create|update/.test(field) ? ', name: "x"' : '';
    const { status } = await service.gql(`mutation { ${field}(input: { key: "x"${name} }) { __typename } }`, {}, { as });
    expect(status).toBe(403);
  }
});
