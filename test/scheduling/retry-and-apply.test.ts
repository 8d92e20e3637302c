import { beforeAll, describe, expect, it } from 'vitest';
import { createSchedule, findSchedule } from '../support/schedule-operations.ts';
import { anAdmin } from '../support/spine.ts';
import { due, failed, inMinutes, startEditing, waiting } from './edits.ts';

let edits: Awaited<ReturnType<typeof startEditing>>;
beforeAll(async () => {
  edits = await startEditing();
});

describe('retrySchedule', () => {
  it('tries a schedule that gave up again at the next tick, with all its retries, and says so', async () => {
    const { id, flagKey } = await edits.aSchedule();
    await edits.set(id, `${failed}, ${due}`);
    expect(await edits.change('retrySchedule', { id, expectedVersion: 1 })).toMatchObject({
      status: 'FAILED',
      retryCount: 0,
      nextRetryAt: expect.any(String),
      version: 2,
    });
    expect((await edits.eventsOf(id)).at(-1)).toMatchObject({
      eventType: 'flag_schedule.updated',
      description: expect.stringMatching(
        /^The failed change of flag '\S+' in production scheduled for \S+ is tried again at the next tick$/,
      ),
      changes: [
        { field: 'nextRetryAt', previousValue: null },
        { field: 'retryCount', previousValue: 2, newValue: 0 },
      ],
    });
    await edits.spine.applyDue();
    expect(await findSchedule(edits.service, id)).toMatchObject({ status: 'APPLIED', errorMessage: null });
    expect(await edits.stateOf(flagKey)).toMatchObject({ enabled: true });
  });

  it('does not wait for a retry that is due later', async () => {
    const { id } = await edits.aSchedule();
    await edits.set(id, `${waiting}, ${due}`);
    await edits.change('retrySchedule', { id });
    await edits.spine.applyDue();
    expect(await findSchedule(edits.service, id)).toMatchObject({ status: 'APPLIED' });
  });

  it('succeeds on a schedule that a later one has superseded: the admin has decided anew', async () => {
    const { id, flagKey } = await edits.aSchedule({ updates: { rolloutPercentage: 10 } });
    const later = await createSchedule(edits.service, {
      flagKey,
      scheduledAt: inMinutes(70),
      updates: { rolloutPercentage: 20 },
    });
    await edits.set(id, `${failed}, scheduled_at = now() - interval '3 minutes', next_retry_at = now()`);
    await edits.set(later.id, "scheduled_at = now() - interval '2 minutes'");
    await edits.set(id, "next_retry_at = now() + interval '1 hour'");
    await edits.spine.applyDue();
    await edits.set(id, 'next_retry_at = now()');
    await edits.spine.applyDue();
    expect(await findSchedule(edits.service, id)).toMatchObject({
      status: 'FAILED',
      nextRetryAt: null,
      errorMessage: expect.stringContaining('superseded'),
    });
    await edits.change('retrySchedule', { id });
    await edits.spine.applyDue();
    expect(await findSchedule(edits.service, id)).toMatchObject({ status: 'APPLIED' });
    expect(await edits.stateOf(flagKey)).toMatchObject({ rollout: 10 });
  });

  it.each(['PENDING', 'APPLIED', 'CANCELLED'])('refuses a schedule that is %s', async (status) => {
    const { id } = await edits.aSchedule();
    await edits.set(id, `status = '${status}'`);
    await edits.unchanged(id, async () => {
      expect(await edits.change('retrySchedule', { id })).toMatchObject({ code: 'SCHEDULE_NOT_RETRYABLE' });
    });
  });

  it('refuses a schedule whose flag is gone, also where another flag has its key now', async () => {
    const { id, flagKey } = await edits.aSchedule();
    await edits.set(id, failed);
    await edits.spine.deleteFlag(anAdmin(), { flagKey });
    expect(await edits.change('retrySchedule', { id })).toMatchObject({ code: 'FLAG_NOT_FOUND' });
    await edits.spine.createFlag(anAdmin(), { key: flagKey, name: 'Namesake' });
    expect(await edits.change('retrySchedule', { id })).toMatchObject({ code: 'FLAG_NOT_FOUND' });
  });
});

describe('applySchedule', () => {
  it('makes a change now that is due later; the event names the admin, and is not late', async () => {
    const { id, flagKey } = await edits.aSchedule();
    const applied = await edits.change('applySchedule', { id, expectedVersion: 1 });
    expect(applied).toMatchObject({ status: 'APPLIED', version: 2, appliedAt: expect.any(String) });
    expect(await edits.stateOf(flagKey)).toMatchObject({ enabled: true });
    expect((await edits.eventsOf(id)).at(-1)).toMatchObject({
      eventType: 'flag_schedule.applied',
      actor: { type: 'USER', id: 'admin-a' },
      description: expect.stringContaining('was applied by hand (scheduled for '),
      metadata: { latenessMs: 0, appliedAt: applied.appliedAt, flagState: { enabled: true, version: 2 } },
    });
    expect(await edits.change('applySchedule', { id })).toMatchObject({ code: 'SCHEDULE_NOT_APPLICABLE' });
  });

  it('does not supersede what is due before its own instant', async () => {
    const { id, flagKey } = await edits.aSchedule({ updates: { rolloutPercentage: 1 } });
    const sooner = await createSchedule(edits.service, {
      flagKey,
      scheduledAt: inMinutes(0.02),
      updates: { rolloutPercentage: 2 },
    });
    await edits.change('applySchedule', { id });
    await expect.poll(async () => (await edits.spine.applyDue()).applied.map(({ schedule }) => schedule.id)).toContain(sooner.id);
    expect(await edits.stateOf(flagKey)).toMatchObject({ rollout: 2 });
  });

  it('sets the status of the flag, too', async () => {
    const { id, flagKey } = await edits.aSchedule({ updates: { status: 'DEPRECATED', rolloutPercentage: 3 } });
    await edits.change('applySchedule', { id });
    expect(await edits.db.sql('SELECT status, version FROM feature_flags WHERE key = $1', [flagKey])).toEqual([
      { status: 'DEPRECATED', version: 2 },
    ]);
  });

  it('answers what is in its way with its error, and changes nothing', async () => {
    const inTheWay: [string, (flagKey: string) => Promise<unknown>, (flagKey: string) => Promise<unknown>][] = [
      [
        'EMERGENCY_OVERRIDE_ACTIVE',
        (flagKey) =>
          edits.spine.emergencyOverride(anAdmin(), {
            flagKey,
            environment: 'staging',
            updates: { enabled: false },
            reason: 'fire',
          }),
        async () => {},
      ],
      [
        'ENVIRONMENT_DISABLED',
        () => edits.spine.setEnvironmentEnabled(anAdmin(), { key: 'staging' }, false),
        () => edits.spine.setEnvironmentEnabled(anAdmin(), { key: 'staging' }, true),
      ],
      ['FLAG_ARCHIVED', (flagKey) => edits.spine.setFlagStatus(anAdmin(), { flagKey }, 'ARCHIVED'), async () => {}],
    ];
    for (const [code, begin, end] of inTheWay) {
      const { id, flagKey } = await edits.aSchedule({ environment: 'staging' });
      await begin(flagKey);
      await edits.unchanged(id, async () => expect(await edits.change('applySchedule', { id })).toMatchObject({ code }));
      await end(flagKey);
    }
    const { id } = await edits.aSchedule();
    await edits.set(id, `updates = '{"rolloutPercentage": 300}'`);
    await edits.unchanged(id, async () =>
      expect(await edits.change('applySchedule', { id })).toMatchObject({ issues: [{ path: ['updates', 'rolloutPercentage'] }] }),
    );
    expect(await edits.change('applySchedule', { id, expectedVersion: 7 })).toMatchObject({ code: 'SCHEDULE_VERSION_CONFLICT' });
    const gone = '01900000-0000-7000-8000-000000000000';
    expect(await edits.change('applySchedule', { id: gone })).toMatchObject({ code: 'SCHEDULE_NOT_FOUND' });
  });
});
