import { beforeAll, describe, expect, it } from 'vitest';
import { createPostgresDatabase, type PostgresTestDatabase } from '../support/databases.ts';
import { createFlag, createSchedule, findSchedule, tryCreateSchedule } from '../support/schedule-operations.ts';
import { startTestService, type TestService, token } from '../support/service.ts';
import { manualClock, minutesFrom } from '../support/spine.ts';
import { changeSchedule, countEvents, countSchedules, readLog, untilOutboxIsEmpty } from '../support/tables.ts';

const clock = manualClock(new Date('2026-03-01T09:00:00.000Z'));
let db: PostgresTestDatabase;
let service: TestService;
const good = () => ({ flagKey: 'checkout', scheduledAt: minutesFrom(clock.at, 60).toISOString(), updates: { enabled: true } });

beforeAll(async () => {
  db = await createPostgresDatabase();
  service = await startTestService({
    databaseUrl: db.url,
    clock,
    databaseClock: clock,
    env: { ROLES: 'api,audit', SCHEDULE_CRON: undefined },
  });
  for (const key of ['checkout', 'search', 'crowded']) await createFlag(service, key);
});

/** Tokens are judged by the same clock. */
const as = (sub: string) => token({ sub, now: clock.at });
const counts = async () => {
  const schedules = await countSchedules(db);
  return { schedules: schedules, events: await countEvents(db) };
};

describe('createSchedule', () => {
  it('stores what was asked for', async () => {
    const created = await createSchedule(
      service,
      {
        ...good(),
        environment: 'staging',
        updates: { enabled: true, rolloutPercentage: 25, defaultVariant: 'on' },
        maxRetries: 0,
      },
      { as: await as('admin-a') },
    );
    expect(created).toMatchObject({
      __typename: 'Schedule',
      flagKey: 'checkout',
      environment: 'staging',
      scheduledAt: '2026-03-01T10:00:00.000Z',
      updates: { enabled: true, rolloutPercentage: 25, defaultVariant: 'on' },
      status: 'PENDING',
      createdAt: '2026-03-01T09:00:00.000Z',
      createdBy: 'admin-a',
      cancelledAt: null,
      cancelledBy: null,
      cancelReason: null,
      appliedAt: null,
      errorMessage: null,
      retryCount: 0,
      maxRetries: 0,
      nextRetryAt: null,
      conflicts: [],
    });
    expect(await findSchedule(service, created.id)).toMatchObject({ id: created.id, createdBy: 'admin-a', status: 'PENDING' });
  });

  it('takes production and three retries where nothing is said', async () => {
    expect(await createSchedule(service, good())).toMatchObject({ environment: 'production', maxRetries: 3 });
  });

  it.each([
    ['the first instant after now', () => new Date(clock.at.getTime() + 1)],
    ['the last instant of five years', () => new Date('2031-03-01T09:00:00.000Z')],
  ])('takes %s', async (_, at) => {
    expect(await createSchedule(service, { ...good(), scheduledAt: at().toISOString() })).toMatchObject({
      __typename: 'Schedule',
    });
  });

  it.each<[string, object, string[]]>([
    ['a past instant', { scheduledAt: '2026-03-01T08:59:59.999Z' }, ['scheduledAt']],
    ['now itself', { scheduledAt: '2026-03-01T09:00:00.000Z' }, ['scheduledAt']],
    ['an instant that an offset puts into the past', { scheduledAt: '2026-03-01T10:30:00+02:00' }, ['scheduledAt']],
    ['more than five years ahead', { scheduledAt: '2031-03-01T09:00:00.001Z' }, ['scheduledAt']],
    ['empty updates', { updates: {} }, ['updates']],
    ['updates that are all null', { updates: { enabled: null, rolloutPercentage: null, defaultVariant: null } }, ['updates']],
    ['a rollout below 0', { updates: { rolloutPercentage: -1 } }, ['updates', 'rolloutPercentage']],
    ['a rollout above 100', { updates: { enabled: true, rolloutPercentage: 101 } }, ['updates', 'rolloutPercentage']],
    ['an empty variant', { updates: { defaultVariant: '' } }, ['updates', 'defaultVariant']],
    ['too long a variant', { updates: { defaultVariant: 'x'.repeat(129) } }, ['updates', 'defaultVariant']],
    ['an empty flag key', { flagKey: '' }, ['flagKey']],
    ['an empty environment', { environment: '' }, ['environment']],
    ['maxRetries below 0', { maxRetries: -1 }, ['maxRetries']],
    ['maxRetries above 10', { maxRetries: 11 }, ['maxRetries']],
    ['an empty idempotency key', { idempotencyKey: '' }, ['idempotencyKey']],
    ['too long an idempotency key', { idempotencyKey: 'x'.repeat(256) }, ['idempotencyKey']],
  ])('answers %s with a ValidationError that names the path, and stores nothing', async (_, bad, path) => {
    const before = await counts();
    const answer = await createSchedule(service, { ...good(), ...bad });
    expect(answer).toMatchObject({ __typename: 'ValidationError', code: 'VALIDATION_ERROR', issues: [{ path }] });
    expect(await counts()).toEqual(before);
  });

  it('names every problem of an input at once', async () => {
    const answer = await createSchedule(service, { ...good(), maxRetries: 99, updates: { rolloutPercentage: 500 } });
    expect(answer.issues?.map(({ path }) => path)).toEqual([['updates', 'rolloutPercentage'], ['maxRetries']]);
  });

  it.each<[string, object, string]>([
    ['an unknown flag', { flagKey: 'no-such-flag' }, 'FlagNotFoundError'],
    ['an unknown environment', { environment: 'no-such-place' }, 'EnvironmentNotFoundError'],
  ])('answers %s with its own error, and stores nothing', async (_, bad, __typename) => {
    const before = await counts();
    expect(await createSchedule(service, { ...good(), ...bad })).toMatchObject({ __typename });
    expect(await counts()).toEqual(before);
  });

  it.each<[string, object]>([
    ['an instant without an offset', { scheduledAt: '2027-01-01T09:00:00' }],
    ['an instant that does not exist', { scheduledAt: '2027-02-30T09:00:00Z' }],
    ['text for a number', { updates: { rolloutPercentage: '25' } }],
    ['a fraction', { updates: { rolloutPercentage: 12.5 } }],
    ['an admin in the input', { createdBy: 'somebody-else' }],
    ['NUL in text', { updates: { defaultVariant: 'a\0b' } }],
    ['a lone surrogate in text', { updates: { defaultVariant: 'a\ud800b' } }],
  ])('refuses %s before anything is looked at', async (_, bad) => {
    const before = await counts();
    const { status, data, errors } = await tryCreateSchedule(service, { ...good(), ...bad });
    expect(data?.createSchedule).toBeUndefined();
    expect(errors?.length).toBeGreaterThan(0);
    expect(status).toBe(400);
    expect(await counts()).toEqual(before);
  });

  it('refuses an auditor, and stores no schedule', async () => {
    const { schedules } = await counts();
    const answer = await tryCreateSchedule(service, good(), { as: await token({ groups: ['auditor'], now: clock.at }) });
    expect(answer).toMatchObject({ status: 403, errors: [{ extensions: { code: 'FORBIDDEN' } }] });
    expect((await counts()).schedules).toBe(schedules);
  });
});

describe('conflicts', () => {
  it('are the other pending schedules of the same flag and environment within an hour, as of now', async () => {
    const at = (minutes: number, seconds = 0) =>
      new Date(minutesFrom(clock.at, 600 + minutes).getTime() + seconds * 1000).toISOString();
    const add = async (scheduledAt: string, rest = {}) =>
      (await createSchedule(service, { ...good(), flagKey: 'crowded', scheduledAt, ...rest })).id;
    const anHourBefore = await add(at(-60));
    const justOutside = await add(at(60, 1));
    await add(at(-61));
    const later = await add(at(30));
    await add(at(10), { environment: 'staging' });
    await add(at(10), { flagKey: 'search' });
    const created = await createSchedule(service, { ...good(), flagKey: 'crowded', scheduledAt: at(0) });
    expect(created.__typename).toBe('Schedule');
    expect(created.conflicts).toEqual([{ id: anHourBefore }, { id: later }]);
    expect((await findSchedule(service, later))?.conflicts).toEqual([{ id: created.id }, { id: justOutside }]);
    await changeSchedule(db, later, { status: 'APPLIED' });
    expect((await findSchedule(service, created.id))?.conflicts).toEqual([{ id: anHourBefore }]);
  });
});

describe('an idempotency key', () => {
  const keyed = (idempotencyKey: string, rest = {}) => ({ ...good(), flagKey: 'search', idempotencyKey, ...rest });

  it('returns the first schedule for the same input, and records it once', async () => {
    const first = await createSchedule(service, keyed('same'));
    const before = await counts();
    // Defaults that are spelled out, and another offset, are the same input.
    const again = keyed('same', { maxRetries: 3, environment: 'production', scheduledAt: '2026-03-01T11:00:00+01:00' });
    expect((await createSchedule(service, again)).id).toBe(first.id);
    expect(await counts()).toEqual(before);
  });

  it.each<[string, object]>([
    ['flag', { flagKey: 'checkout' }],
    ['environment', { environment: 'staging' }],
    ['instant', { scheduledAt: '2026-03-01T10:00:00.001Z' }],
    ['updates', { updates: { enabled: false } }],
    ['further updates', { updates: { enabled: true, rolloutPercentage: 100 } }],
    ['maxRetries', { maxRetries: 4 }],
  ])('refuses another %s, and names the schedule that has it', async (what, rest) => {
    const key = `other ${what}`;
    const first = await createSchedule(service, keyed(key));
    const before = await counts();
    const answer = await createSchedule(service, keyed(key, rest));
    expect(answer).toMatchObject({ __typename: 'IdempotencyConflictError', scheduleId: first.id });
    expect(await counts()).toEqual(before);
  });

  it('belongs to its actor', async () => {
    const [a, b] = [await as('admin-a'), await as('admin-b')];
    const first = await createSchedule(service, keyed('mine'), { as: a });
    const second = await createSchedule(service, keyed('mine', { maxRetries: 7 }), { as: b });
    expect(second).toMatchObject({ __typename: 'Schedule', createdBy: 'admin-b' });
    expect(second.id).not.toBe(first.id);
  });

  it('is looked at before the instant is, and does not expire', async () => {
    const input = keyed('late');
    const first = await createSchedule(service, input);
    const start = clock.at;
    try {
      clock.at = minutesFrom(start, 60 * 24 * 400);
      expect(await createSchedule(service, input, { as: await as('admin-a') })).toMatchObject({
        __typename: 'Schedule',
        id: first.id,
      });
      const other = await createSchedule(service, { ...input, maxRetries: 9 }, { as: await as('admin-a') });
      expect(other.__typename).toBe('IdempotencyConflictError');
    } finally {
      clock.at = start;
    }
  });

  it('still returns its schedule when the flag is gone', async () => {
    await createFlag(service, 'short-lived');
    const input = keyed('of a deleted flag', { flagKey: 'short-lived' });
    const first = await createSchedule(service, input);
    await service.gql('mutation { deleteFlag(input: { flagKey: "short-lived" }) { __typename } }');
    expect(await createSchedule(service, input)).toMatchObject({ id: first.id, status: 'CANCELLED' });
  });

  it('makes one schedule and one event of twenty requests at the same time', async () => {
    const input = keyed('twenty');
    const before = await counts();
    const answers = await Promise.all(Array.from({ length: 20 }, () => createSchedule(service, input)));
    expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
    expect(answers[0]?.__typename).toBe('Schedule');
    expect(await counts()).toEqual({ schedules: (before.schedules ?? 0) + 1, events: before.events + 1 });
  });

  it('lets one of twenty different inputs win at the same time; the others name it', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => createSchedule(service, keyed('contested', { updates: { rolloutPercentage: n } }))),
    );
    const [winner, ...more] = answers.filter(({ __typename }) => __typename === 'Schedule');
    expect(more).toEqual([]);
    const others = answers.filter((answer) => answer !== winner);
    expect(others.every((other) => other.scheduleId === winner?.id)).toBe(true);
  });
});

it('audits what was stored, and nothing else', async () => {
  const schedules = await countSchedules(db);
  await untilOutboxIsEmpty(db);
  const created = (await readLog(db)).filter(({ eventType }) => eventType === 'flag_schedule.created');
  expect(created).toHaveLength(schedules ?? -1);
});
