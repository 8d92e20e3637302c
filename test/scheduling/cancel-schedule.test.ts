import { beforeAll, describe, expect, it } from 'vitest';
import { createPostgresDatabase, type PostgresTestDatabase } from '../support/databases.ts';
import {
  cancelSchedule,
  createFlag,
  createSchedule,
  deleteFlag,
  findSchedule,
  tryCancelSchedule,
} from '../support/schedule-operations.ts';
import { startTestService, type TestService, token } from '../support/service.ts';
import { minutesFrom } from '../support/spine.ts';
import { changeSchedule, countEvents, readLog, untilOutboxIsEmpty } from '../support/tables.ts';

let db: PostgresTestDatabase;
let service: TestService;
beforeAll(async () => {
  db = await createPostgresDatabase();
  service = await startTestService({ databaseUrl: db.url, env: { ROLES: 'api,audit' } });
  await createFlag(service, 'checkout');
});

const aSchedule = (flagKey = 'checkout', options = {}) =>
  createSchedule(
    service,
    { flagKey, scheduledAt: minutesFrom(new Date(), 60).toISOString(), updates: { enabled: true } },
    options,
  );
const setStatus = (id: string, status: string, nextRetryAt: Date | null = null) =>
  db.sql('UPDATE feature_flag_schedules SET status = $2, next_retry_at = $3, error_message = $4 WHERE id = $1', [
    id,
    status,
    nextRetryAt,
    status === 'FAILED' ? 'it broke' : null,
  ]);
const eventsOf = async (...ids: string[]) => {
  await untilOutboxIsEmpty(db);
  return (await readLog(db)).filter(({ scheduleId }) => scheduleId !== null && ids.includes(scheduleId));
};

describe('cancelSchedule', () => {
  it('by another admin than the one who created it names both, in the response, the row and the events', async () => {
    const created = await aSchedule('checkout', { as: await token({ sub: 'admin-a', email: 'a@example.com' }) });
    const before = Date.now();
    const cancelled = await cancelSchedule(
      service,
      { id: created.id, reason: 'not ready' },
      { as: await token({ sub: 'admin-b', email: 'b@example.com' }) },
    );
    expect(cancelled).toMatchObject({
      __typename: 'Schedule',
      id: created.id,
      status: 'CANCELLED',
      createdBy: 'admin-a',
      cancelledBy: 'admin-b',
      cancelReason: 'not ready',
    });
    expect(Date.parse(cancelled.cancelledAt ?? '')).toBeGreaterThanOrEqual(before);
    const [row] = await db.sql('SELECT * FROM feature_flag_schedules WHERE id = $1', [created.id]);
    expect(row).toMatchObject({
      status: 'CANCELLED',
      created_by: 'admin-a',
      cancelled_by: 'admin-b',
      cancel_reason: 'not ready',
    });
    expect(row?.cancelled_at).toEqual(new Date(cancelled.cancelledAt ?? ''));
    const [createdEvent, cancelledEvent] = await eventsOf(created.id);
    expect(createdEvent).toMatchObject({
      eventType: 'flag_schedule.created',
      actor: { type: 'USER', id: 'admin-a', email: 'a@example.com' },
      metadata: { adminUserId: 'admin-a', adminEmail: 'a@example.com' },
    });
    expect(cancelledEvent).toMatchObject({
      eventType: 'flag_schedule.cancelled',
      actor: { type: 'USER', id: 'admin-b', email: 'b@example.com' },
      metadata: { adminUserId: 'admin-b', adminEmail: 'b@example.com', reason: 'not ready' },
    });
  });

  it('takes no reason as manual_cancellation, in the event and in the row', async () => {
    const { id } = await aSchedule();
    expect(await cancelSchedule(service, { id })).toMatchObject({ status: 'CANCELLED', cancelReason: 'manual_cancellation' });
    expect((await eventsOf(id)).at(-1)?.metadata).toMatchObject({ reason: 'manual_cancellation' });
  });

  it('takes a FAILED schedule that still has a retry due', async () => {
    const { id } = await aSchedule();
    await setStatus(id, 'FAILED', minutesFrom(new Date(), 4));
    expect(await cancelSchedule(service, { id })).toMatchObject({ status: 'CANCELLED', nextRetryAt: null, errorMessage: null });
    expect((await eventsOf(id)).at(-1)).toMatchObject({
      previousState: { status: 'FAILED' },
      newState: { status: 'CANCELLED' },
      changes: [{ field: 'status', previousValue: 'FAILED', newValue: 'CANCELLED' }],
    });
  });

  it.each(['APPLIED', 'FAILED', 'CANCELLED'])(
    'refuses a schedule that is %s for good, tells the status, and changes nothing',
    async (status) => {
      const { id } = await aSchedule();
      await setStatus(id, status);
      const [before, events] = [await findSchedule(service, id), await countEvents(db)];
      expect(await cancelSchedule(service, { id })).toMatchObject({
        __typename: 'ScheduleNotCancellableError',
        code: 'SCHEDULE_NOT_CANCELLABLE',
        status,
        message: expect.stringContaining(status),
      });
      expect(await findSchedule(service, id)).toEqual(before);
      expect(await countEvents(db)).toBe(events);
    },
  );

  it('refuses a second cancellation; the first admin and reason stay', async () => {
    const { id } = await aSchedule();
    await cancelSchedule(service, { id, reason: 'first' });
    expect(await cancelSchedule(service, { id, reason: 'second' })).toMatchObject({
      status: 'CANCELLED',
      code: 'SCHEDULE_NOT_CANCELLABLE',
    });
    expect(await findSchedule(service, id)).toMatchObject({ cancelReason: 'first' });
    expect(await eventsOf(id)).toHaveLength(2);
  });

  it('lets one of twenty at the same time win', async () => {
    const { id } = await aSchedule();
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => cancelSchedule(service, { id, reason: `${n}` })));
    const [winner, ...more] = answers.filter(({ __typename }) => __typename === 'Schedule');
    expect(more).toEqual([]);
    expect(await findSchedule(service, id)).toMatchObject({ cancelReason: winner?.cancelReason });
    expect(await eventsOf(id)).toHaveLength(2);
  });

  it.each<[string, object, string]>([
    ['an unknown id', { id: '01900000-0000-7000-8000-000000000000' }, 'ScheduleNotFoundError'],
    ['an id that is no UUID', { id: 'schedule-1' }, 'ValidationError'],
    ['an empty reason', { reason: '' }, 'ValidationError'],
    ['too long a reason', { reason: 'x'.repeat(1001) }, 'ValidationError'],
  ])('answers %s with its error, and changes nothing', async (_, bad, __typename) => {
    const { id } = await aSchedule();
    const [before, events] = [await findSchedule(service, id), await countEvents(db)];
    expect(await cancelSchedule(service, { id, ...bad })).toMatchObject({ __typename });
    expect(await findSchedule(service, id)).toEqual(before);
    expect(await countEvents(db)).toBe(events);
  });

  it.each<[string, object]>([
    ['an admin in the input', { cancelledBy: 'somebody-else' }],
    ['NUL in the reason', { reason: 'a\0b' }],
    ['a lone surrogate in the reason', { reason: 'a\ud800b' }],
  ])('refuses %s before anything is looked at', async (_, bad) => {
    const { id } = await aSchedule();
    const events = await countEvents(db);
    expect(await tryCancelSchedule(service, { id, ...bad })).toMatchObject({ status: 400 });
    expect(await findSchedule(service, id)).toMatchObject({ status: 'PENDING' });
    expect(await countEvents(db)).toBe(events);
  });
});

describe('the admin of a schedule', () => {
  it('has no e-mail in the events where the token has none', async () => {
    const { id } = await aSchedule('checkout', { as: await token({ sub: 'no-mail' }) });
    await cancelSchedule(service, { id }, { as: await token({ sub: 'no-mail' }) });
    for (const event of await eventsOf(id)) {
      expect(event.metadata).toMatchObject({ adminUserId: 'no-mail', adminEmail: null });
      expect(event.actor.email).toBeNull();
    }
  });

  it('is null, and its actor "unknown", where the token has no subject; the log warns', async () => {
    const nobody = { as: await token({ sub: '' }) };
    const created = await aSchedule('checkout', nobody);
    expect(created).toMatchObject({ __typename: 'Schedule', createdBy: null });
    expect(await cancelSchedule(service, { id: created.id }, nobody)).toMatchObject({ status: 'CANCELLED', cancelledBy: null });
    for (const event of await eventsOf(created.id)) {
      expect(event).toMatchObject({ actor: { type: 'USER', id: 'unknown' }, metadata: { adminUserId: null } });
    }
    expect(service.lines.some((line) => /token without .{1,3}sub/.test(line))).toBe(true);
  });

  it('without a subject has idempotency keys of its own', async () => {
    const nobody = { as: await token({ sub: '' }) };
    const input = {
      flagKey: 'checkout',
      scheduledAt: minutesFrom(new Date(), 60).toISOString(),
      updates: { enabled: true },
      idempotencyKey: 'nobody’s',
    };
    const answers = await Promise.all(Array.from({ length: 5 }, () => createSchedule(service, input, nobody)));
    expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
    expect((await createSchedule(service, input)).id).not.toBe(answers[0]?.id);
  });

  it('is refused with a subject over 255 characters', async () => {
    expect(await tryCancelSchedule(service, { id: 'x' }, { as: await token({ sub: 'x'.repeat(256) }) })).toMatchObject({
      status: 401,
    });
    const longest = await aSchedule('checkout', { as: await token({ sub: 'x'.repeat(255) }) });
    expect(longest.createdBy).toBe('x'.repeat(255));
  });

  it('may be missing in rows from before: they read as null, and work', async () => {
    await createFlag(service, 'old');
    const { id } = await aSchedule('old');
    await changeSchedule(db, id, { createdBy: null });
    expect(await findSchedule(service, id)).toMatchObject({
      createdBy: null,
      cancelledBy: null,
      cancelledAt: null,
      cancelReason: null,
    });
    expect(await cancelSchedule(service, { id })).toMatchObject({ status: 'CANCELLED', createdBy: null, cancelledBy: 'admin-a' });
  });
});

describe('deleteFlag', () => {
  it('cancels the flag’s open schedules, with one event each; closed ones stay as they are, and all keep their flag key', async () => {
    await createFlag(service, 'doomed');
    const [pending, retried, failed, applied] = [
      await aSchedule('doomed'),
      await aSchedule('doomed'),
      await aSchedule('doomed'),
      await aSchedule('doomed'),
    ];
    const other = await aSchedule();
    await setStatus(retried.id, 'FAILED', minutesFrom(new Date(), 4));
    await setStatus(failed.id, 'FAILED');
    await setStatus(applied.id, 'APPLIED');
    const { data } = await deleteFlag(service, 'doomed', { as: await token({ sub: 'admin-b', email: 'b@example.com' }) });
    expect(data?.deleteFlag.__typename).toBe('Flag');
    for (const { id } of [pending, retried]) {
      expect(await findSchedule(service, id)).toMatchObject({
        status: 'CANCELLED',
        cancelledBy: 'admin-b',
        cancelReason: 'flag_deleted',
        flagKey: 'doomed',
        nextRetryAt: null,
      });
    }
    expect(await findSchedule(service, failed.id)).toMatchObject({ status: 'FAILED', cancelledBy: null, flagKey: 'doomed' });
    expect(await findSchedule(service, applied.id)).toMatchObject({ status: 'APPLIED', cancelledBy: null, flagKey: 'doomed' });
    expect(await findSchedule(service, other.id)).toMatchObject({ status: 'PENDING' });

    const cancellations = (await eventsOf(pending.id, retried.id, failed.id, applied.id)).filter(
      ({ eventType }) => eventType === 'flag_schedule.cancelled',
    );
    expect(cancellations.map(({ scheduleId, previousState }) => [scheduleId, previousState?.status])).toEqual([
      [pending.id, 'PENDING'],
      [retried.id, 'FAILED'],
    ]);
    for (const event of cancellations) {
      expect(event.metadata).toMatchObject({ reason: 'flag_deleted', adminUserId: 'admin-b', adminEmail: 'b@example.com' });
    }
    const deleted = (await readLog(db)).find(({ eventType, flagKey }) => eventType === 'flag.deleted' && flagKey === 'doomed');
    expect(deleted).toMatchObject({ metadata: { cancelledSchedules: 2 }, newState: null });
  });

  it('answers an unknown flag with its error, and records nothing', async () => {
    const events = await countEvents(db);
    expect((await deleteFlag(service, 'never-was')).data?.deleteFlag.code).toBe('FLAG_NOT_FOUND');
    expect(await countEvents(db)).toBe(events);
  });
});
