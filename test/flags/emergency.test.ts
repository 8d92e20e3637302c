import { pino } from 'pino';
import { beforeAll, describe, expect, it } from 'vitest';
import type { FlagUpdates } from '../../src/flags/model/flag-updates.ts';
import type { Schedule } from '../../src/schedules/model/schedule.ts';
import { createPostgresDatabase, openBeside } from '../support/databases.ts';
import { addDue, anAdmin, makeSpine, minutesFrom } from '../support/spine.ts';
import { changeSchedule, makeRetriesDue, readLog } from '../support/tables.ts';
import { type FlagService, issuesOf, ruleFor, startFlagService } from './operations.ts';

let flags: FlagService;
beforeAll(async () => {
  flags = await startFlagService();
});

const override = (flagKey: string, rest: object = {}) =>
  flags.done('emergencyOverride', { flagKey, updates: { enabled: false }, reason: 'checkout is down', ...rest });
const { warn } = pino.levels.values;
const warnings = () =>
  flags.service.lines.map((line) => JSON.parse(line) as Record<string, unknown>).filter(({ msg }) => /emergency/i.test(`${msg}`));

describe('an emergency override', () => {
  it('takes effect with its answer, for every other connection, and is recorded with it', async () => {
    const flagKey = await flags.aFlag();
    await flags.must('updateFlagState', { flagKey, updates: { enabled: true, rolloutPercentage: 40 } });
    const { db, clock } = flags;
    const answer = await flags.must('emergencyOverride', {
      flagKey,
      updates: { enabled: false, rolloutPercentage: 0 },
      reason: 'fire',
    });
    const [row] = await db.sql(
      `SELECT s.enabled, s.rollout_percentage, s.emergency, s.version, (SELECT count(*) FROM audit_outbox) AS events FROM feature_flag_states s
       JOIN feature_flags f ON f.id = s.flag_id WHERE f.key = $1 AND s.environment_key = 'production'`,
      [flagKey],
    );
    const emergency = { reason: 'fire', startedAt: clock.at.toISOString(), startedBy: 'ada' };
    expect(row).toMatchObject({ enabled: false, rollout_percentage: 0, emergency, version: 3 });
    expect(row?.events).toBeGreaterThan(0);
    expect(answer).toMatchObject({ enabled: false, rolloutPercentage: 0, emergency, version: 3 });
    expect(await flags.stateOf(flagKey, 'staging')).toMatchObject({ emergency: null, version: 1 });
  });

  it.each(['', ' \n\t ', '\u00a0\u3000'])('takes a reason that says something, not %j', async (reason) => {
    const flagKey = await flags.aFlag();
    const answer = await flags.refused('emergencyOverride', { flagKey, updates: { enabled: false }, reason });
    expect(issuesOf(answer)).toContain('reason');
  });

  it('holds the values of the variants, too: the name that it serves means what it meant', async () => {
    const flagKey = await flags.aFlag();
    await override(flagKey);
    const variants = [
      { key: 'red', value: '#000' },
      { key: 'blue', value: '#00f' },
    ];
    const answer = await flags.refused('updateFlag', { flagKey, name: 'Renamed', variants });
    expect(answer).toMatchObject({ code: 'EMERGENCY_OVERRIDE_ACTIVE', reason: 'checkout is down' });
    await flags.must('updateFlag', { flagKey, name: 'Renamed' });
    await flags.must('liftEmergencyOverride', { flagKey });
    await flags.must('updateFlag', { flagKey, variants });
  });

  it('that takes the place of another says so', async () => {
    const flagKey = await flags.aFlag();
    await override(flagKey);
    const at = flags.clock.at.toISOString();
    expect((await override(flagKey, { reason: 'still down' })).description).toBe(
      `Flag '${flagKey}' in production: EMERGENCY OVERRIDE (still down): it stays disabled, with rollout 100; until now, 'ada' had held it disabled, with rollout 100, since ${at} (checkout is down)`,
    );
  });

  it('is an event of its own type, and a warning in the log without secrets', async () => {
    const flagKey = await flags.aFlag();
    const before = warnings().length;
    const event = await override(flagKey, { updates: { enabled: true, rules: [ruleFor('a')] }, environment: 'staging' });
    const updates = { enabled: true, rules: [{ ...ruleFor('a'), description: null }] };
    expect(event).toMatchObject({
      eventType: 'flag_override.emergency',
      description: `Flag '${flagKey}' in staging: EMERGENCY OVERRIDE (checkout is down): enabled changed from false to true; rules count changed from 0 to 1`,
      previousState: { emergency: null, enabled: false },
      newState: { emergency: { reason: 'checkout is down', startedBy: 'ada' }, enabled: true },
      metadata: { override_type: 'EMERGENCY', target_id: flagKey, reason: 'checkout is down', updates },
    });
    expect(event.changes.map(({ field }) => field)).toEqual(['emergency', 'enabled', "rules['a']"]);
    const [line, ...others] = warnings().slice(before);
    expect(others).toEqual([]);
    const { time: _time, pid: _pid, hostname: _hostname, requestId: _requestId, ...said } = line ?? {};
    expect(said).toEqual({
      level: warn,
      msg: 'EMERGENCY OVERRIDE',
      flagKey,
      environment: 'staging',
      reason: 'checkout is down',
      actorId: 'ada',
    });
    for (const text of flags.service.lines) expect(text).not.toContain(flags.as.split('.')[2]);
  });

  it('is not told in the log where it was refused', async () => {
    const before = warnings().length;
    expect(await flags.run('emergencyOverride', { flagKey: 'none', updates: { enabled: false }, reason: 'fire' })).toMatchObject({
      code: 'FLAG_NOT_FOUND',
    });
    expect(warnings()).toHaveLength(before);
  });

  it.each<[object, string[]]>([
    [{ reason: '' }, ['reason']],
    [{ reason: 'x'.repeat(1001) }, ['reason']],
    [{ updates: {} }, ['updates']],
    [{ updates: { status: 'ARCHIVED', enabled: false } }, ['updates.status']],
    [{ updates: { defaultVariant: 'pink' } }, ['updates.defaultVariant']],
  ])('with %j is refused', async (rest, paths) => {
    const input = { flagKey: await flags.aFlag(), updates: { enabled: false }, reason: 'fire', ...rest };
    expect(issuesOf(await flags.refused('emergencyOverride', input))).toEqual(['VALIDATION_ERROR', ...paths]);
  });

  it('needs a reason', async () => {
    const { errors } = await flags.tryTo('emergencyOverride', { flagKey: 'any', updates: { enabled: false } });
    expect(errors?.[0]).toMatchObject({ extensions: { code: 'BAD_USER_INPUT', path: ['reason'] } });
  });

  it('that changes nothing holds the flag all the same', async () => {
    const flagKey = await flags.aFlag();
    const event = await override(flagKey);
    expect(event).toMatchObject({
      description: `Flag '${flagKey}' in production: EMERGENCY OVERRIDE (checkout is down): it stays disabled, with rollout 100`,
    });
    expect(event.changes.map(({ field }) => field)).toEqual(['emergency']);
  });

  it('is replaced by another one, which keeps the first one in its previous state', async () => {
    const flagKey = await flags.aFlag();
    await override(flagKey);
    const event = await override(flagKey, { updates: { enabled: true }, reason: 'it was the database' });
    expect(event).toMatchObject({
      eventType: 'flag_override.emergency',
      previousState: { enabled: false, emergency: { reason: 'checkout is down' } },
      newState: { enabled: true, emergency: { reason: 'it was the database' } },
    });
  });

  it('names, when it is lifted, what is tried again after it: in the answer, in the event, in its sentence', async () => {
    const { spine, db, clock } = flags;
    const flagKey = await flags.aFlag();
    await override(flagKey);
    const at = clock.at;
    const add = (minutesAgo: number, updates: FlagUpdates, environment = 'production') =>
      addDue(spine, clock, { flagKey, minutesAgo, updates, environment });
    const rule = { ...ruleFor('a'), description: null };
    const [second, first] = [await add(5, { enabled: true }), await add(4, { rules: [rule], rolloutPercentage: 5 })];
    const third = await add(3, { status: 'DEPRECATED' }, 'staging');
    const elsewhere = await add(2, { enabled: true }, 'development');
    await spine.setEnvironmentEnabled(anAdmin(), { key: 'development' }, false);
    const pending = await spine.createSchedule(anAdmin(), {
      flagKey,
      environment: 'production',
      scheduledAt: minutesFrom(new Date(), 60),
      updates: { enabled: true },
    });
    clock.at = at;
    expect((await spine.applyDue()).failed.map(({ schedule }) => schedule.id)).toEqual([
      second.id,
      first.id,
      third.id,
      elsewhere.id,
    ]);
    await spine.setEnvironmentEnabled(anAdmin(), { key: 'development' }, true);
    const retries = [first, second, third];
    for (const [n, { id }] of retries.entries()) {
      await changeSchedule(db, id, { nextRetryAt: `2099-01-01T00:0${n}:00Z` });
    }
    const { data } = await flags.service.gql<{ flag: { states: { environment: string; upcomingRetries: { id: string }[] }[] } }>(
      'query ($key: String!) { flag(key: $key) { states { environment upcomingRetries { id nextRetryAt } } } }',
      { key: flagKey },
      { as: flags.as },
    );
    const idsIn = (environment: string) =>
      data?.flag.states.find((state) => state.environment === environment)?.upcomingRetries.map(({ id }) => id);
    expect(idsIn('production')).toEqual(retries.map(({ id }) => id));
    expect(idsIn('staging')).toEqual([third.id]);
    expect(idsIn('development')).toEqual([elsewhere.id, third.id]);

    let answer: object | undefined;
    const [event] = await flags.eventsBy(async () => {
      answer = (
        await flags.service.gql<Record<string, object>>(
          'mutation ($flagKey: String!) { liftEmergencyOverride(input: { flagKey: $flagKey }) { ... on FlagState { upcomingRetries { id } } } }',
          { flagKey },
          { as: flags.as },
        )
      ).data?.liftEmergencyOverride;
    });
    expect(answer).toEqual({ upcomingRetries: retries.map(({ id }) => ({ id })) });
    const told = ({ id, environment, scheduledAt }: Schedule, n: number, updates: object) => ({
      ...{ scheduleId: id, environment, scheduledAt: scheduledAt.toISOString() },
      ...{ nextRetryAt: `2099-01-01T00:0${n}:00.000Z`, updates },
    });
    expect(event).toMatchObject({
      description: `Flag '${flagKey}' in production: the emergency override was lifted; 'ada' had held it disabled, with rollout 100, since ${flags.clock.at.toISOString()} (checkout is down); 3 failed schedules are tried again, the first at 2099-01-01T00:00:00.000Z`,
      metadata: {
        retriesTotal: 3,
        retries: [
          told(first, 0, { rolloutPercentage: 5, rulesCount: 1 }),
          told(second, 1, { enabled: true }),
          told(third, 2, { status: 'DEPRECATED' }),
        ],
      },
    });
    expect(JSON.stringify(event)).not.toContain(pending.id);
  });

  it('with many retries names the soonest 20 of them, and says how many there are', async () => {
    const { db } = flags;
    const flagKey = await flags.aFlag();
    await override(flagKey);
    await db.sql(
      `INSERT INTO feature_flag_schedules (id, flag_id, flag_key, environment_key, scheduled_at, updates, status, next_retry_at, created_at, updated_at)
       SELECT gen_random_uuid(), f.id, f.key, 'production', now(), '{"enabled": true}', 'FAILED', '2099-01-01'::timestamptz + make_interval(mins => n), now(), now()
       FROM feature_flags f, generate_series(1, 130) n WHERE f.key = $1`,
      [flagKey],
    );
    const event = await flags.done('liftEmergencyOverride', { flagKey });
    expect(event.metadata).toMatchObject({ retriesTotal: 130 });
    expect(event.metadata.retries).toHaveLength(20);
    expect(event.description).toMatch(/; 130 failed schedules are tried again, the first at 2099-01-01T00:01:00.000Z$/);
  });

  it('is lifted once, and leaves the state as it is', async () => {
    const flagKey = await flags.aFlag();
    await override(flagKey, { updates: { enabled: true, defaultVariant: 'red' } });
    const before = await flags.stateOf(flagKey);
    const told = warnings().length;
    const event = await flags.done('liftEmergencyOverride', { flagKey, reason: 'repaired' });
    expect(event).toMatchObject({
      eventType: 'flag_override.removed',
      description: `Flag '${flagKey}' in production: the emergency override was lifted: repaired; 'ada' had held it enabled, with rollout 100 and default variant 'red', since ${before.emergency?.startedAt} (checkout is down)`,
      changes: [{ field: 'emergency', newValue: null }],
      metadata: { override_type: 'EMERGENCY', target_id: flagKey, reason: 'repaired' },
    });
    expect(await flags.stateOf(flagKey)).toEqual({ ...before, emergency: null, version: before.version + 1 });
    expect(warnings().slice(told)).toMatchObject([
      { level: warn, msg: 'an emergency override was lifted', flagKey, actorId: 'ada' },
    ]);
    expect(await flags.refused('liftEmergencyOverride', { flagKey })).toMatchObject({
      __typename: 'EmergencyOverrideNotActiveError',
      code: 'EMERGENCY_OVERRIDE_NOT_ACTIVE',
      flagKey,
      environment: 'production',
      message: `No emergency override holds flag '${flagKey}' in production`,
    });
    await flags.done('updateFlagState', { flagKey, updates: { enabled: false } });
  });
});

describe('while an emergency override is in force', () => {
  let flagKey: string;
  const arms = ['red', 'blue'].map((variant) => ({ variant, weight: 1 }));
  beforeAll(async () => {
    flagKey = await flags.aFlag();
    await flags.must('addFlagRule', { flagKey, rule: ruleFor('there') });
    await flags.must('addFlagOverride', { flagKey, override: { type: 'USER', targetId: 'there', variant: 'red' } });
    await flags.must('startExperiment', { flagKey, experiment: { key: 'e', variants: arms } });
    await flags.must('startExperiment', { flagKey, environment: 'staging', experiment: { key: 'e', variants: arms } });
    await override(flagKey, { updates: { rolloutPercentage: 1 } });
  });
  const status = { updates: { status: 'DEPRECATED' } };

  it.each<[string, object]>([
    ['updateFlagState', { updates: { enabled: true } }],
    ['updateFlagState', { updates: { rolloutPercentage: 1 } }],
    ['updateFlagState', status],
    ['updateFlagState', { ...status, environment: 'staging' }],
    ['addFlagRule', { rule: ruleFor('new') }],
    ['updateFlagRule', { rule: ruleFor('there', 'blue') }],
    ['removeFlagRule', { ruleKey: 'there' }],
    ['addFlagOverride', { override: { type: 'USER', targetId: 'new', variant: 'red' } }],
    ['removeFlagOverride', { override: { type: 'USER', targetId: 'there' } }],
    ['startExperiment', { experiment: { key: 'f', variants: arms } }],
    ['stopExperiment', { outcome: 'x', winningVariant: 'red' }],
    ['archiveFlag', {}],
    ['deprecateFlag', {}],
    ['deleteFlag', {}],
  ])('%s %j is refused, with the reason', async (name, input) => {
    const before = await flags.findFlag(flagKey);
    expect(await flags.refused(name, { flagKey, ...input })).toMatchObject({
      __typename: 'EmergencyOverrideActiveError',
      code: 'EMERGENCY_OVERRIDE_ACTIVE',
      flagKey,
      environment: 'production',
      reason: 'checkout is down',
      message: expect.stringMatching(/since .* by 'ada' \(checkout is down\): lift it first$/),
    });
    expect(await flags.findFlag(flagKey)).toEqual(before);
  });

  it('other environments can be changed, and the flag described otherwise', async () => {
    await flags.done('updateFlagState', { flagKey, environment: 'staging', updates: { enabled: true } });
    await flags.done('stopExperiment', { flagKey, environment: 'staging', outcome: 'x' });
    expect(await flags.must('updateFlag', { flagKey, name: 'Another name' })).toMatchObject({ name: 'Another name' });
  });

  it('schedules that become due fail with the reason, are tried again, and apply after it was lifted', async () => {
    const { spine, db, clock } = flags;
    const held = await flags.aFlag();
    await override(held, { updates: { rolloutPercentage: 1 } });
    const at = clock.at;
    const schedules = [
      await addDue(spine, clock, { flagKey: held, minutesAgo: 4, updates: { rolloutPercentage: 50 } }),
      await addDue(spine, clock, { flagKey: held, minutesAgo: 3, environment: 'staging', updates: { status: 'DEPRECATED' } }),
      await addDue(spine, clock, { flagKey: held, minutesAgo: 2, updates: { enabled: true } }),
    ];
    const elsewhere = await addDue(spine, clock, { flagKey: held, minutesAgo: 1, environment: 'staging' });
    clock.at = at;
    const ids = schedules.map(({ id }) => id);
    const events = await flags.eventsBy(async () => {
      expect((await spine.applyDue()).applied.map(({ schedule }) => schedule.id)).toEqual([elsewhere.id]);
    });
    const failures = events.filter(({ eventType }) => eventType === 'flag_schedule.failed');
    expect(failures.map(({ scheduleId }) => scheduleId)).toEqual(ids);
    for (const { errorMessage, metadata } of failures) {
      expect(errorMessage).toMatch(/emergency override holds flag .* in production .*\(checkout is down\): lift it first$/);
      expect(metadata).toMatchObject({ errorMessage, retryCount: 0, nextRetryAt: expect.any(String) });
    }
    expect(await flags.stateOf(held)).toMatchObject({ enabled: false, rolloutPercentage: 1 });

    const makeRetryDue = () => makeRetriesDue(db, ids);
    await makeRetryDue();
    expect((await spine.applyDue()).failed).toMatchObject(ids.map((id) => ({ schedule: { id, retryCount: 1 } })));
    await flags.must('liftEmergencyOverride', { flagKey: held });
    await makeRetryDue();
    const { applied, failed } = await spine.applyDue();
    // The one of staging is older than what was applied there meanwhile, but that has set another field.
    expect(applied.map(({ schedule }) => schedule.id)).toEqual(ids);
    expect(failed).toEqual([]);
    expect(await flags.findFlag(held)).toMatchObject({ status: 'DEPRECATED' });
    expect(await flags.stateOf(held)).toMatchObject({ enabled: true, rolloutPercentage: 50, emergency: null });
  });
});

it('an emergency override races the worker 60 times: afterwards the state is what the emergency says', async () => {
  const db = await createPostgresDatabase();
  const beside = await openBeside(db.url);
  const [spine, worker] = [await makeSpine(db.database), await makeSpine(beside)];
  const [admin, target] = [anAdmin(), { flagKey: 'raced', environment: 'production' }];
  await spine.createFlag(admin, { key: 'raced', name: 'Raced' });

  const outcomes: string[] = [];
  for (let round = 1; round <= 60; round++) {
    const [schedule] = await db.sql<{ id: string }>(
      `INSERT INTO feature_flag_schedules (id, flag_id, flag_key, environment_key, scheduled_at, updates, created_at, updated_at)
       SELECT gen_random_uuid(), f.id, f.key, 'production', now(), '{"enabled": true, "rolloutPercentage": 77}', now(), now() FROM feature_flags f RETURNING id`,
    );
    const emergency = () =>
      spine.emergencyOverride(admin, { ...target, updates: { enabled: false, rolloutPercentage: 0 }, reason: `${round}` });
    // Each of the two goes first half of the time.
    const both = round % 2 === 0 ? [worker.applyDue(), emergency()] : [emergency(), worker.applyDue()];
    await Promise.all(both);
    // Where the admin held the flag, the worker has left it for the next tick.
    await worker.applyDue();
    const [after] = await db.sql<{ status: string; error_message: string | null }>(
      `SELECT d.status, d.error_message, s.enabled, s.rollout_percentage, s.emergency ->> 'reason' AS reason FROM feature_flag_schedules d
       JOIN feature_flag_states s ON s.flag_id = d.flag_id AND s.environment_key = 'production' WHERE d.id = $1`,
      [schedule?.id],
    );
    expect(after).toMatchObject({ enabled: false, rollout_percentage: 0, reason: `${round}` });
    if (after?.status === 'FAILED') expect(after.error_message).toContain(`(${round}): lift it first`);
    outcomes.push(after?.status ?? '');
    await changeSchedule(db, schedule?.id ?? expect.unreachable(), { nextRetryAt: null });
    await spine.liftEmergencyOverride(admin, target);
  }
  // Otherwise one of them always came first, and nothing was shown.
  expect(new Set(outcomes)).toEqual(new Set(['APPLIED', 'FAILED']));

  await spine.sequence();
  const events = (await readLog(db)).filter(({ eventType }) => !['flag.created', 'flag_schedule.failed'].includes(eventType));
  expect(events).toHaveLength(120 + outcomes.filter((outcome) => outcome === 'APPLIED').length);
  for (const [n, { previousState, newState }] of events.entries()) {
    if (n > 0) expect(previousState).toEqual(events[n - 1]?.newState);
    expect(newState?.version).toBe(n + 2);
  }
});
