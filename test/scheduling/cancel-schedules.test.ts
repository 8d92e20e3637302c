import { beforeAll, describe, expect, it } from 'vitest';
import { createSchedule, findSchedule } from '../support/schedule-operations.ts';
import { anAdmin } from '../support/spine.ts';
import { countEvents } from '../support/tables.ts';
import { failed, inMinutes, startEditing, waiting } from './edits.ts';

let edits: Awaited<ReturnType<typeof startEditing>>;
beforeAll(async () => {
  edits = await startEditing();
});

describe('cancelSchedules', () => {
  const cancelMany = async (input: object) => {
    const { data, errors } = await edits.service.gql<{
      cancelSchedules: { __typename: string; count: number; max?: number; schedules?: { id: string }[]; issues?: object[] };
    }>(
      `mutation ($input: CancelSchedulesInput!) { cancelSchedules(input: $input) { __typename
        ... on CancelSchedulesPayload { count schedules { id status cancelReason cancelledBy } }
        ... on TooManySchedulesError { count max message } ... on ValidationError { issues { path message } } } }`,
      { input },
    );
    return data?.cancelSchedules ?? expect.unreachable(JSON.stringify(errors));
  };

  it('cancels the open schedules that the filter matches, oldest due first, with one event each', async () => {
    const flagKey = await edits.aFlag();
    const add = (minutes: number, rest = {}) =>
      createSchedule(edits.service, { flagKey, scheduledAt: inMinutes(minutes), updates: { enabled: true }, ...rest });
    const [late, early, retried, gaveUp, elsewhere] = [
      await add(90),
      await add(60),
      await add(70),
      await add(80),
      await add(60, { environment: 'staging' }),
    ];
    await edits.set(retried.id, waiting);
    await edits.set(gaveUp.id, failed);
    const before = await countEvents(edits.db);
    const cancelled = { status: 'CANCELLED', cancelledBy: 'admin-a', cancelReason: 'called off' };
    expect(await cancelMany({ filter: { flagKey, environment: 'production' }, reason: 'called off' })).toMatchObject({
      count: 3,
      schedules: [early, retried, late].map(({ id }) => ({ id, ...cancelled })),
    });
    expect(await countEvents(edits.db)).toBe(before + 3);
    expect((await edits.eventsOf(retried.id)).at(-1)).toMatchObject({
      eventType: 'flag_schedule.cancelled',
      previousState: { status: 'FAILED' },
      metadata: { reason: 'called off' },
    });
    expect((await findSchedule(edits.service, gaveUp.id))?.status).toBe('FAILED');
    expect((await findSchedule(edits.service, elsewhere.id))?.status).toBe('PENDING');
    // Again there is nothing left to do.
    expect(await cancelMany({ filter: { flagKey, environment: 'production' } })).toMatchObject({ count: 0, schedules: [] });
    expect(await cancelMany({ filter: { flagKeys: [flagKey] } })).toMatchObject({
      count: 1,
      schedules: [{ cancelReason: 'manual_cancellation' }],
    });
    expect(await cancelMany({ filter: { flagKey: 'no-such-flag' } })).toMatchObject({ count: 0, schedules: [] });
  });

  it.each<[string, object, string[]]>([
    ['no criterion', {}, ['filter']],
    ['open alone', { open: true, flagKey: null }, ['filter']],
    ['statuses alone, which nearly all open schedules have', { statuses: ['PENDING', 'FAILED'] }, ['filter']],
    ['schedules that are not open', { open: false, flagKey: 'x' }, ['filter', 'open']],
    ['too short a search', { search: 'x' }, ['filter', 'search']],
  ])('refuses %s', async (_, filter, path) => {
    expect(await cancelMany({ filter })).toMatchObject({ __typename: 'ValidationError', issues: [{ path }] });
  });

  it('cancels 500 at once, and none of 501: the answer tells the number and the bound', async () => {
    const { id: flagId, key } = await edits.spine.createFlag(anAdmin(), { key: 'crowd', name: 'Crowd' });
    const seed = (count: number) =>
      edits.db.sql(
        `INSERT INTO feature_flag_schedules (id, flag_id, flag_key, environment_key, scheduled_at, updates, created_at, updated_at)
         SELECT gen_random_uuid(), $1, $2, 'production', now() + make_interval(hours => n), '{"enabled": true}', now(), now()
         FROM generate_series(1, $3::int) n`,
        [flagId, key, count],
      );
    const cancelledOnes = async () =>
      (
        await edits.db.sql<{ n: number }>(
          `SELECT count(*)::int AS n FROM feature_flag_schedules WHERE flag_key = $1 AND status = 'CANCELLED'`,
          [key],
        )
      )[0]?.n;
    await seed(501);
    const events = await countEvents(edits.db);
    expect(await cancelMany({ filter: { flagKey: key } })).toMatchObject({
      __typename: 'TooManySchedulesError',
      count: 501,
      max: 500,
    });
    expect([await cancelledOnes(), await countEvents(edits.db)]).toEqual([0, events]);
    await edits.db.sql(
      `UPDATE feature_flag_schedules SET status = 'APPLIED' WHERE id = (SELECT id FROM feature_flag_schedules WHERE flag_key = $1 LIMIT 1)`,
      [key],
    );
    expect(await cancelMany({ filter: { flagKey: key } })).toMatchObject({ count: 500 });
    expect([await cancelledOnes(), await countEvents(edits.db)]).toEqual([500, events + 500]);
  });
});
