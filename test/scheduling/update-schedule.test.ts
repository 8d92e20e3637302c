import { beforeAll, describe, expect, it } from 'vitest';
import { createSchedule, findSchedule } from '../support/schedule-operations.ts';
import { token } from '../support/service.ts';
import { anAdmin } from '../support/spine.ts';
import { due, failed, inMinutes, startEditing, waiting } from './edits.ts';

let edits: Awaited<ReturnType<typeof startEditing>>;
beforeAll(async () => {
  edits = await startEditing();
});
const update = (input: object, as?: string) => edits.change('updateSchedule', input, as);

describe('updateSchedule', () => {
  it('changes instant, updates and retries at once, and the event holds both, with who did it', async () => {
    const created = await edits.aSchedule();
    const scheduledAt = inMinutes(120);
    const edit = { scheduledAt, updates: { rolloutPercentage: 5 }, maxRetries: 0 };
    const edited = await update({ id: created.id, ...edit }, await token({ sub: 'admin-b', email: 'b@example.com' }));
    expect(edited).toMatchObject({
      __typename: 'Schedule',
      scheduledAt,
      updates: { enabled: null, rolloutPercentage: 5 },
      maxRetries: 0,
      status: 'PENDING',
      version: 2,
    });
    expect(await findSchedule(edits.service, created.id)).toMatchObject({ scheduledAt, maxRetries: 0, createdBy: 'admin-a' });
    const [before, after] = [
      { scheduledAt: created.scheduledAt, updates: { enabled: true }, maxRetries: 3 },
      { scheduledAt, updates: { rolloutPercentage: 5 }, maxRetries: 0 },
    ];
    expect((await edits.eventsOf(created.id)).at(-1)).toMatchObject({
      eventType: 'flag_schedule.updated',
      actor: { id: 'admin-b' },
      previousState: { status: 'PENDING', ...before },
      newState: { status: 'PENDING', ...after },
      changes: [{ field: 'maxRetries' }, { field: 'scheduledAt' }, { field: 'updates' }],
      description: expect.stringMatching(
        /^The change of flag 'flag-\d+' in production scheduled for \S+ was edited: maxRetries changed from 3 to 0; scheduledAt changed from /,
      ),
      metadata: {
        scheduleId: created.id,
        environment: 'production',
        previousScheduledAt: created.scheduledAt,
        scheduledAt,
        previousUpdates: before.updates,
        updates: after.updates,
        previousMaxRetries: 3,
        maxRetries: 0,
        adminUserId: 'admin-b',
        adminEmail: 'b@example.com',
      },
    });
  });

  it('records nothing, and stays at its version, where nothing changes', async () => {
    const { id, scheduledAt } = await edits.aSchedule();
    await edits.unchanged(id, async () => {
      const same = { scheduledAt: scheduledAt.replace('Z', '+00:00'), updates: { enabled: true, rolloutPercentage: null } };
      expect(await update({ id, ...same, maxRetries: 3 })).toMatchObject({ __typename: 'Schedule', version: 1 });
    });
  });

  it('makes a FAILED schedule PENDING again by another instant, with no retries made', async () => {
    const { id } = await edits.aSchedule();
    await edits.set(id, waiting);
    const scheduledAt = inMinutes(30);
    expect(await update({ id, scheduledAt })).toMatchObject({
      status: 'PENDING',
      scheduledAt,
      retryCount: 0,
      nextRetryAt: null,
      errorMessage: null,
    });
    expect((await edits.eventsOf(id)).at(-1)?.description).toMatch(/; it is PENDING again$/);
  });

  it('leaves a FAILED schedule FAILED, with its retry due, where the instant stays', async () => {
    const { id } = await edits.aSchedule();
    await edits.set(id, `${waiting}, ${due}`);
    expect(await update({ id, updates: { rolloutPercentage: 7 } })).toMatchObject({
      status: 'FAILED',
      retryCount: 2,
      nextRetryAt: expect.any(String),
      errorMessage: 'it broke',
      updates: { rolloutPercentage: 7 },
    });
  });

  it('decides anew: a retry with other updates is not superseded by what a person did before the edit', async () => {
    const { id, flagKey } = await edits.aSchedule({ updates: { rolloutPercentage: 50 } });
    await edits.set(id, `${failed}, ${due}, next_retry_at = now() + interval '1 minute'`);
    await edits.spine.updateFlagState(anAdmin(), { flagKey, environment: 'production', updates: { rolloutPercentage: 5 } });
    await update({ id, updates: { rolloutPercentage: 77 } });
    await edits.set(id, 'next_retry_at = now()');
    expect((await edits.spine.applyDue()).failed).toEqual([]);
    expect(await edits.stateOf(flagKey)).toMatchObject({ rollout: 77 });
  });

  it('refuses a version that is not the schedule’s own, and gives the schedule as it is', async () => {
    const { id } = await edits.aSchedule();
    expect(await update({ id, expectedVersion: 1, maxRetries: 4 })).toMatchObject({ version: 2 });
    await edits.unchanged(id, async () => {
      expect(await update({ id, expectedVersion: 1, maxRetries: 5 })).toMatchObject({
        code: 'SCHEDULE_VERSION_CONFLICT',
        expectedVersion: 1,
        current: { version: 2 },
      });
    });
  });

  it('grows the version with every change, the worker’s and a cancellation’s too', async () => {
    const { id } = await edits.aSchedule();
    await edits.set(id, due);
    await edits.spine.applyDue();
    const versionOf = async (of: string) => (await update({ id: of, expectedVersion: 99, maxRetries: 1 })).current?.version;
    expect(await versionOf(id)).toBe(2);
    const other = await edits.aSchedule();
    await edits.spine.cancelSchedule(anAdmin(), { id: other.id });
    expect(await versionOf(other.id)).toBe(2);
  });

  it.each(["status = 'APPLIED'", "status = 'CANCELLED'", failed])('refuses a schedule with %s', async (columns) => {
    const { id } = await edits.aSchedule();
    await edits.set(id, columns);
    await edits.unchanged(id, async () => {
      const status = /'(\w+)'/.exec(columns)?.[1];
      expect(await update({ id, maxRetries: 1 })).toMatchObject({ code: 'SCHEDULE_NOT_EDITABLE', status });
    });
  });

  it.each<[string, object, object]>([
    [
      'a past instant',
      { scheduledAt: '2026-01-01T00:00:00Z' },
      { code: 'VALIDATION_ERROR', issues: [{ path: ['scheduledAt'] }] },
    ],
    ['more than five years', { scheduledAt: '9999-01-01T00:00:00Z' }, { issues: [{ path: ['scheduledAt'] }] }],
    ['empty updates', { updates: {} }, { issues: [{ path: ['updates'] }] }],
    ['a rollout above 100', { updates: { rolloutPercentage: 101 } }, { issues: [{ path: ['updates', 'rolloutPercentage'] }] }],
    ['too many retries', { maxRetries: 11 }, { issues: [{ path: ['maxRetries'] }] }],
    ['nothing to change', {}, { issues: [{ path: [], message: expect.stringContaining('scheduledAt, updates, maxRetries') }] }],
    ['nulls alone', { scheduledAt: null, updates: null, maxRetries: null }, { code: 'VALIDATION_ERROR' }],
    ['an unknown id', { id: '01900000-0000-7000-8000-000000000000', maxRetries: 1 }, { code: 'SCHEDULE_NOT_FOUND' }],
  ])('refuses %s, and changes nothing', async (_, input, expected) => {
    const { id } = await edits.aSchedule();
    await edits.unchanged(id, async () => expect(await update({ id, ...input })).toMatchObject(expected));
  });

  it('refuses what createSchedule would refuse: an archived flag, an unknown variant, a disabled environment', async () => {
    const { id, flagKey } = await edits.aSchedule({ environment: 'development' });
    const variants = [{ key: 'a', value: 'a' }];
    const { key } = await edits.spine.createFlag(anAdmin(), { key: 'texts', name: 'Texts', type: 'STRING', variants });
    const texts = await createSchedule(edits.service, { flagKey: key, scheduledAt: inMinutes(60), updates: { enabled: true } });
    expect(await update({ id: texts.id, updates: { defaultVariant: 'b' } })).toMatchObject({
      issues: [{ path: ['updates', 'defaultVariant'] }],
    });
    await edits.spine.setEnvironmentEnabled(anAdmin(), { key: 'development' }, false);
    expect(await update({ id, updates: { enabled: false } })).toMatchObject({ code: 'ENVIRONMENT_DISABLED' });
    // How often it is tried is no plan of another change.
    expect(await update({ id, maxRetries: 10 })).toMatchObject({ maxRetries: 10 });
    await edits.spine.setEnvironmentEnabled(anAdmin(), { key: 'development' }, true);
    await edits.spine.setFlagStatus(anAdmin(), { flagKey }, 'ARCHIVED');
    expect(await update({ id, scheduledAt: inMinutes(90) })).toMatchObject({ code: 'FLAG_ARCHIVED' });
  });

  it('leaves the idempotency key to what was asked for first: repeated, it returns the edited schedule', async () => {
    const input = {
      flagKey: await edits.aFlag(),
      scheduledAt: inMinutes(60),
      updates: { enabled: true },
      idempotencyKey: 'kept',
    };
    const { id } = await createSchedule(edits.service, input);
    const edit = { scheduledAt: inMinutes(90), updates: { enabled: false }, maxRetries: 1 };
    await update({ id, ...edit });
    await update({ id, maxRetries: 2 });
    expect(await createSchedule(edits.service, input)).toMatchObject({
      __typename: 'Schedule',
      id,
      scheduledAt: edit.scheduledAt,
    });
    const other = await createSchedule(edits.service, { ...input, ...edit });
    expect(other).toMatchObject({ __typename: 'IdempotencyConflictError', scheduleId: id });
  });
});
