import { beforeAll, describe, expect, it } from 'vitest';
import type { AuditEvent } from '../../src/catalogue/audit-event.ts';
import { createPostgresDatabase, type PostgresTestDatabase } from '../support/databases.ts';
import { startTestService, type TestService, token } from '../support/service.ts';
import { anAdmin, makeSpine, manualClock, minutesFrom, type Spine } from '../support/spine.ts';
import { readLog, readSchedule, setScheduleUpdates } from '../support/tables.ts';

// What each event says, word by word: people search for these sentences, and programs read these fields.

const clock = manualClock(new Date('2026-03-01T09:00:00.000Z'));
const uuid = expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
const admin = { type: 'USER', id: 'admin-a', name: 'Ada', email: 'ada@example.com' };
const system = { type: 'SYSTEM', id: 'system', name: 'Flagtrail', email: null };
const adminMetadata = { adminUserId: 'admin-a', adminEmail: 'ada@example.com' };

let db: PostgresTestDatabase;
let service: TestService;
let spine: Spine;
let as: string;
beforeAll(async () => {
  db = await createPostgresDatabase();
  service = await startTestService({
    databaseUrl: db.url,
    clock,
    databaseClock: clock,
    env: { ROLES: 'api', DEFAULT_ENVIRONMENT: 'staging' },
  });
  spine = await makeSpine(db.database, { clock });
  as = await token({ sub: 'admin-a', name: 'Ada', email: 'ada@example.com', now: clock.at });
});

const headers = { 'user-agent': 'a test', 'x-request-id': 'request-7' };
const run = async (mutation: string) => {
  const { data, errors } = await service.gql<Record<string, { id?: string }>>(`mutation { ${mutation} }`, {}, { as, headers });
  expect(errors).toBeUndefined();
  return Object.values(data ?? {})[0]?.id ?? '';
};
/** What the work adds to the log. */
const eventsBy = async (work: () => Promise<unknown>): Promise<AuditEvent[]> => {
  await spine.sequence();
  const before = (await readLog(db)).length;
  await work();
  await spine.sequence();
  return (await readLog(db)).slice(before);
};
const createFlag = (key: string) => run(`createFlag(input: { key: "${key}", name: "${key}" }) { ... on Flag { id } }`);
const createSchedule = (flagKey: string, updates = 'enabled: true, rolloutPercentage: 25') =>
  run(
    `createSchedule(input: { flagKey: "${flagKey}", scheduledAt: "2026-03-01T10:00:00+00:00", updates: { ${updates} } }) { ... on Schedule { id } }`,
  );
/** A flag in one environment as it starts, whole. */
const state = {
  enabled: false,
  rolloutPercentage: 100,
  defaultVariant: null,
  rules: [],
  overrides: [],
  experiment: null,
  emergency: null,
  status: 'ACTIVE',
  version: 1,
};
const byAdmin = {
  id: uuid,
  timestamp: '2026-03-01T09:00:00.000Z',
  actor: admin,
  allEnvironments: false,
  workspaceId: null,
  result: 'SUCCESS',
  errorMessage: null,
  requestContext: { ipAddress: '127.0.0.1', userAgent: 'a test', requestId: 'request-7', sessionId: null, apiKeyId: null },
};

describe('the event', () => {
  it('flag.created', async () => {
    let id = '';
    const events = await eventsBy(async () => {
      id = await createFlag('created');
    });
    // The status is the flag's own, and stands there once.
    const { status, ...one } = state;
    const states = { production: one, staging: one, development: one };
    const described = { id, key: 'created', name: 'created', description: null, type: 'BOOLEAN', variants: [], tags: [] };
    const newState = { ...described, status, version: 1, states };
    expect(events).toEqual([
      {
        ...byAdmin,
        eventType: 'flag.created',
        resource: { type: 'flag', id },
        flagKey: 'created',
        scheduleId: null,
        // The flag is concerned in every environment: the service's own stands for them.
        environment: 'staging',
        previousState: null,
        newState,
        changes: expect.arrayContaining([{ field: 'key', previousValue: null, newValue: 'created' }]),
        description: "Flag 'created' was created",
        metadata: { flagKey: 'created', ...adminMetadata },
      },
    ]);
  });

  it('flag_schedule.created', async () => {
    await createFlag('scheduled');
    let id = '';
    const events = await eventsBy(async () => {
      id = await createSchedule('scheduled');
    });
    const updates = { enabled: true, rolloutPercentage: 25 };
    const scheduledAt = '2026-03-01T10:00:00.000Z';
    expect(events).toEqual([
      {
        ...byAdmin,
        eventType: 'flag_schedule.created',
        resource: { type: 'flag_schedule', id },
        flagKey: 'scheduled',
        scheduleId: id,
        environment: 'production',
        previousState: null,
        newState: { status: 'PENDING', scheduledAt, updates },
        changes: [
          { field: 'scheduledAt', previousValue: null, newValue: scheduledAt },
          { field: 'status', previousValue: null, newValue: 'PENDING' },
          { field: 'updates', previousValue: null, newValue: updates },
        ],
        description:
          "A change of flag 'scheduled' in production was scheduled for 2026-03-01T10:00:00.000Z: enabled → true, rolloutPercentage → 25",
        metadata: { scheduleId: id, flagKey: 'scheduled', environment: 'production', scheduledAt, updates, ...adminMetadata },
      },
    ]);
  });

  it('flag_schedule.cancelled', async () => {
    await createFlag('cancelled');
    const id = await createSchedule('cancelled');
    const events = await eventsBy(() =>
      run(`cancelSchedule(input: { id: "${id}", reason: "too early" }) { ... on Schedule { id } }`),
    );
    const scheduledAt = '2026-03-01T10:00:00.000Z';
    expect(events).toEqual([
      {
        ...byAdmin,
        eventType: 'flag_schedule.cancelled',
        resource: { type: 'flag_schedule', id },
        flagKey: 'cancelled',
        scheduleId: id,
        environment: 'production',
        previousState: { status: 'PENDING' },
        newState: { status: 'CANCELLED' },
        changes: [{ field: 'status', previousValue: 'PENDING', newValue: 'CANCELLED' }],
        description:
          "The change of flag 'cancelled' in production scheduled for 2026-03-01T10:00:00.000Z was cancelled: too early",
        metadata: {
          scheduleId: id,
          flagKey: 'cancelled',
          environment: 'production',
          scheduledAt,
          ...adminMetadata,
          reason: 'too early',
        },
      },
    ]);
  });

  it('flag_schedule.applied, and no flag event besides', async () => {
    await createFlag('applied');
    const id = await createSchedule('applied');
    const events = await eventsBy(() => spine.applyDue());
    const row = await readSchedule(db, id);
    const appliedAt = row.applied_at?.toISOString() ?? '';
    const scheduledAt = '2026-03-01T10:00:00.000Z';
    const flagState = { ...state, enabled: true, rolloutPercentage: 25, version: 2 };
    expect(events.filter(({ flagKey }) => flagKey === 'applied')).toEqual([
      {
        ...byAdmin,
        eventType: 'flag_schedule.applied',
        timestamp: appliedAt,
        actor: system,
        resource: { type: 'flag_schedule', id },
        flagKey: 'applied',
        scheduleId: id,
        environment: 'production',
        previousState: state,
        newState: flagState,
        changes: [
          { field: 'enabled', previousValue: false, newValue: true },
          { field: 'rolloutPercentage', previousValue: 100, newValue: 25 },
        ],
        description:
          "The scheduled change of flag 'applied' in production was applied: enabled changed from false to true; rolloutPercentage changed from 100 to 25",
        metadata: {
          scheduleId: id,
          flagKey: 'applied',
          environment: 'production',
          updates: { enabled: true, rolloutPercentage: 25 },
          scheduledAt,
          appliedAt,
          latenessMs: Date.parse(appliedAt) - Date.parse(scheduledAt),
          flagState,
        },
        requestContext: null,
      },
    ]);
  });

  it('flag_schedule.applied where nothing changes', async () => {
    await createFlag('unchanged');
    await createSchedule('unchanged', 'enabled: false');
    const [event] = await eventsBy(() => spine.applyDue());
    expect(event).toMatchObject({
      changes: [],
      previousState: state,
      newState: state,
      description: "The scheduled change of flag 'unchanged' in production was applied: it changed nothing",
    });
  });

  it('flag_schedule.failed', async () => {
    await createFlag('failed');
    const id = await createSchedule('failed');
    await setScheduleUpdates(db, id, { rolloutPercentage: 101 });
    const events = await eventsBy(() => spine.applyDue());
    const row = await readSchedule(db, id);
    const nextRetryAt = row.next_retry_at?.toISOString() ?? '';
    const failedAt = events[0]?.timestamp ?? '';
    expect(Date.parse(nextRetryAt) - Date.parse(failedAt)).toBe(135_000);
    const errorMessage = 'updates.rolloutPercentage: must be from 0 to 100';
    expect(events).toEqual([
      {
        ...byAdmin,
        eventType: 'flag_schedule.failed',
        timestamp: failedAt,
        actor: system,
        resource: { type: 'flag_schedule', id },
        flagKey: 'failed',
        scheduleId: id,
        environment: 'production',
        previousState: { status: 'PENDING', retryCount: 0, nextRetryAt: null },
        newState: { status: 'FAILED', retryCount: 0, nextRetryAt },
        changes: [
          { field: 'nextRetryAt', previousValue: null, newValue: nextRetryAt },
          { field: 'status', previousValue: 'PENDING', newValue: 'FAILED' },
        ],
        description: `The scheduled change of flag 'failed' in production failed: ${errorMessage}; next try at ${nextRetryAt}`,
        metadata: {
          scheduleId: id,
          flagKey: 'failed',
          environment: 'production',
          errorMessage,
          failedAt,
          retryCount: 0,
          nextRetryAt,
        },
        result: 'FAILURE',
        errorMessage,
        requestContext: null,
      },
    ]);
  });

  it.each<[string, string, string, string[]]>([
    [
      'flag.enabled',
      '{ enabled: true, rolloutPercentage: 5, defaultVariant: "b" }',
      " was enabled; defaultVariant changed from null to 'b'; rolloutPercentage changed from 100 to 5",
      ['defaultVariant', 'enabled', 'rolloutPercentage'],
    ],
    [
      'flag.disabled',
      '{ enabled: false, rolloutPercentage: 6 }',
      ' was disabled; rolloutPercentage changed from 5 to 6',
      ['enabled', 'rolloutPercentage'],
    ],
    [
      'flag.rollout_changed',
      '{ rolloutPercentage: 7, defaultVariant: "c" }',
      ": rollout configuration changed from 6 to 7 %; defaultVariant changed from 'b' to 'c'",
      ['defaultVariant', 'rolloutPercentage'],
    ],
    ['flag.updated', '{ defaultVariant: "d" }', ": default value changed from 'c' to 'd'", ['defaultVariant']],
  ])('%s, once for one change of state', async (eventType, updates, sentence, fields) => {
    const variants = ['b', 'c', 'd'].map((key) => `{ key: "${key}", value: "${key}" }`);
    if (eventType === 'flag.enabled') {
      await run(`createFlag(input: { key: "changed", name: "C", type: STRING, variants: [${variants}] }) { __typename }`);
    }
    const events = await eventsBy(() =>
      run(`updateFlagState(input: { flagKey: "changed", environment: "development", updates: ${updates} }) { __typename }`),
    );
    expect(events).toMatchObject([
      {
        ...byAdmin,
        eventType,
        resource: { type: 'flag' },
        flagKey: 'changed',
        environment: 'development',
        scheduleId: null,
        description: `Flag 'changed' in development${sentence}`,
        metadata: { flagKey: 'changed', environment: 'development', ...adminMetadata },
      },
    ]);
    const [event] = events;
    expect(event?.changes.map(({ field }) => field)).toEqual(fields);
    for (const { field, previousValue, newValue } of event?.changes ?? []) {
      expect([event?.previousState?.[field], event?.newState?.[field]]).toEqual([previousValue, newValue]);
    }
  });

  it('is missing where an update changes nothing, or is refused', async () => {
    await createFlag('same');
    const update = (input: string) => run(`updateFlagState(input: { flagKey: "same", updates: ${input} }) { __typename }`);
    expect(await eventsBy(() => update('{ enabled: false, rolloutPercentage: 100 }'))).toEqual([]);
    expect(await eventsBy(() => update('{ enabled: true }, expectedVersion: 9'))).toEqual([]);
    expect(await eventsBy(() => createFlag('same'))).toEqual([]);
  });

  it('flag.deleted', async () => {
    const flagId = await createFlag('deleted');
    await createSchedule('deleted');
    const events = await eventsBy(() => run('deleteFlag(input: { flagKey: "deleted" }) { __typename }'));
    expect(events.map(({ eventType }) => eventType)).toEqual(['flag_schedule.cancelled', 'flag.deleted']);
    expect(events[1]).toMatchObject({
      ...byAdmin,
      resource: { type: 'flag', id: flagId },
      flagKey: 'deleted',
      environment: 'staging',
      previousState: { key: 'deleted', status: 'ACTIVE', states: { production: { enabled: false, overrides: [], version: 1 } } },
      newState: null,
      description: "Flag 'deleted' was deleted, which cancelled 1 open schedule",
      metadata: { flagKey: 'deleted', cancelledSchedules: 1, ...adminMetadata },
    });
  });

  it('access.denied', async () => {
    const auditor = await token({ sub: 'auditor', groups: ['auditor'], now: clock.at });
    const deny = () =>
      service.gql('mutation { deleteFlag(input: { flagKey: "same" }) { __typename } }', {}, { as: auditor, headers });
    await spine.sequence();
    const before = (await readLog(db)).length;
    expect((await deny()).status).toBe(403);
    await expect
      .poll(async () => {
        await spine.sequence();
        return (await readLog(db)).slice(before);
      })
      .toMatchObject([
        {
          eventType: 'access.denied',
          actor: { type: 'USER', id: 'auditor' },
          environment: 'staging',
          result: 'DENIED',
          requestContext: byAdmin.requestContext,
          metadata: { requiredRole: 'ADMIN' },
        },
      ]);
  });

  it('names people as they were: a snapshot that a deletion or another name does not touch', async () => {
    const renamed = await token({ sub: 'admin-a', name: 'Ada Lovelace', email: 'new@example.com', now: clock.at });
    const id = await createFlag('renamed');
    expect(id).not.toBe('');
    await service.gql('mutation { deleteFlag(input: { flagKey: "renamed" }) { __typename } }', {}, { as: renamed });
    await spine.sequence();
    const actors = (await readLog(db)).filter(({ flagKey }) => flagKey === 'renamed').map(({ actor }) => actor);
    expect(actors).toEqual([admin, { ...admin, name: 'Ada Lovelace', email: 'new@example.com' }]);
  });
});

it('a use case that is interrupted records nothing, whatever it did before', async () => {
  const events = await eventsBy(async () => {
    const work = spine.inTransaction(async ({ schedules, flags, audit }) => {
      const found = await flags.findShared('scheduled', 'production');
      expect(found).not.toBeNull();
      audit.logEvent({
        eventType: 'flag.created',
        actor: anAdmin().actor,
        description: 'never happened',
        metadata: { flagKey: 'x', adminUserId: null, adminEmail: null },
      });
      await schedules.find('01900000-0000-7000-8000-000000000000');
      throw new Error(`interrupted at ${minutesFrom(clock.at, 1).toISOString()}`);
    });
    await expect(work).rejects.toThrow('interrupted');
  });
  expect(events).toEqual([]);
});
