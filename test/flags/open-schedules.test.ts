import { setTimeout as later } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { ValidationError } from '../../src/kernel/errors.ts';
import { makeScheduleStore } from '../../src/schedules/store/schedule-store.ts';
import { createPostgresDatabase, openBeside } from '../support/databases.ts';
import { anAdmin, makeSpine, minutesFrom } from '../support/spine.ts';
import { colours, type FlagService, ruleFor, startFlagService } from './operations.ts';

let flags: FlagService;
beforeAll(async () => {
  flags = await startFlagService();
});

const open = 'openSchedules { totalCount edges { node { id } } }';
type Open = { totalCount: number; edges: { node: { id: string } }[] };
const idsOf = ({ edges }: Open) => edges.map(({ node }) => node.id);

/** Runs a mutation whose answer tells what it meets. */
const mutate = async <Answer>(name: string, type: string, input: object, fields: string): Promise<Answer> => {
  const inputType = { archiveFlag: 'SetFlagStatusInput', disableEnvironment: 'SetEnvironmentEnabledInput' }[name];
  const document = `mutation ($input: ${inputType ?? `${name[0]?.toUpperCase()}${name.slice(1)}Input`}!) { ${name}(input: $input) {
    ... on ${type} { ${fields} } ... on Error { message } } }`;
  const { data, errors } = await flags.service.gql<Record<string, Answer>>(document, { input }, { as: flags.as });
  return data?.[name] ?? expect.unreachable(JSON.stringify(errors));
};

/** A schedule, so many minutes ahead. */
const schedule = async (flagKey: string, minutes: number, rest: object = {}): Promise<string> => {
  const scheduledAt = minutesFrom(flags.clock.at, minutes).toISOString();
  const { id } = await flags.must('createSchedule', { flagKey, scheduledAt, updates: { enabled: true }, ...rest });
  return id ?? expect.unreachable();
};

/** As the worker leaves one that failed. */
const fail = (id: string, nextRetryAt: Date | null) =>
  flags.db.sql(`UPDATE feature_flag_schedules SET status = 'FAILED', next_retry_at = $2, error_message = 'x' WHERE id = $1`, [
    id,
    nextRetryAt,
  ]);

/** A flag with a schedule of each kind; those that are open, soonest due first. */
const busyFlag = async () => {
  const flagKey = await flags.aFlag();
  const late = await schedule(flagKey, 90);
  const staging = await schedule(flagKey, 60, { environment: 'staging' });
  const status = await schedule(flagKey, 30, { environment: 'staging', updates: { status: 'DEPRECATED' } });
  const retried = await schedule(flagKey, 1);
  await fail(retried, minutesFrom(flags.clock.at, 45));
  await fail(await schedule(flagKey, 2), null);
  await flags.must('cancelSchedule', { id: await schedule(flagKey, 3) });
  return { flagKey, late, staging, status, retried, all: [status, retried, staging, late] };
};

describe('a mutation tells which open schedules it meets', () => {
  it('archiveFlag, in its answer, its event and its sentence', async () => {
    const { flagKey, all } = await busyFlag();
    let answer: { openSchedules: Open } | undefined;
    const [event] = await flags.eventsBy(async () => {
      answer = await mutate('archiveFlag', 'Flag', { flagKey }, open);
    });
    expect(answer?.openSchedules.totalCount).toBe(4);
    expect(answer && idsOf(answer.openSchedules)).toEqual(all);
    expect(event).toMatchObject({ eventType: 'flag.archived', metadata: { openSchedules: 4 } });
    expect(event?.description).toBe(`Flag '${flagKey}' was archived (from ACTIVE to ARCHIVED); it has 4 open schedules`);
  });

  it('updateFlagState that archives, too', async () => {
    const { flagKey } = await busyFlag();
    const event = await flags.done('updateFlagState', { flagKey, updates: { status: 'ARCHIVED', enabled: true } });
    expect(event.metadata).toMatchObject({ openSchedules: 4 });
    expect(event.description).toBe(
      `Flag '${flagKey}' was archived in all environments (from ACTIVE to ARCHIVED); it has 4 open schedules; in production, enabled changed from false to true`,
    );
  });

  it('emergencyOverride: those of its environment, and those of any that set the status', async () => {
    const { flagKey, late, status, retried } = await busyFlag();
    let answer: { openSchedules: Open } | undefined;
    const [event] = await flags.eventsBy(async () => {
      const input = { flagKey, updates: { rolloutPercentage: 0 }, reason: 'fire' };
      answer = await mutate('emergencyOverride', 'FlagState', input, open);
    });
    expect(answer?.openSchedules.totalCount).toBe(3);
    expect(answer && idsOf(answer.openSchedules)).toEqual([status, retried, late]);
    expect(event?.metadata).toMatchObject({ openSchedules: 3 });
    expect(event?.description).toMatch(/; 3 open schedules will fail while it is in force$/);
  });

  it('disableEnvironment: those of the environment, of all flags', async () => {
    await flags.must('createEnvironment', { key: 'closing', name: 'Closing' });
    const first = await schedule(await flags.aFlag(), 5, { environment: 'closing' });
    const second = await schedule(await flags.aFlag(), 9, { environment: 'closing' });
    let answer: { openSchedules: Open } | undefined;
    const [event] = await flags.eventsBy(async () => {
      answer = await mutate('disableEnvironment', 'Environment', { key: 'closing' }, open);
    });
    expect(answer?.openSchedules.totalCount).toBe(2);
    expect(answer && idsOf(answer.openSchedules)).toEqual([first, second]);
    expect(event?.metadata).toMatchObject({ openSchedules: 2 });
    expect(event?.description).toBe("Environment 'closing' was disabled; 2 open schedules will fail until it is enabled again");
  });

  it('deleteFlag: those that it has just cancelled, of which a flag that exists has none', async () => {
    const { flagKey, all } = await busyFlag();
    const { data } = await flags.service.gql<{ flag: { cancelledByDeletion: object[] } }>(
      'query ($key: String!) { flag(key: $key) { cancelledByDeletion { id } } }',
      { key: flagKey },
      { as: flags.as },
    );
    expect(data?.flag.cancelledByDeletion).toEqual([]);
    type Deleted = { cancelledByDeletion: { id: string; status: string }[]; openSchedules: Open };
    const answer = await mutate<Deleted>('deleteFlag', 'Flag', { flagKey }, `cancelledByDeletion { id status } ${open}`);
    expect(answer.cancelledByDeletion.map(({ id }) => id).toSorted()).toEqual(all.toSorted());
    expect(new Set(answer.cancelledByDeletion.map(({ status }) => status))).toEqual(new Set(['CANCELLED']));
    expect(answer.openSchedules.totalCount).toBe(0);
  });

  it('and says nothing where there are none', async () => {
    const flagKey = await flags.aFlag();
    const [event] = await flags.eventsBy(() => flags.must('archiveFlag', { flagKey }));
    expect(event?.metadata).not.toHaveProperty('openSchedules');
    expect(event?.description).toBe(`Flag '${flagKey}' was archived (from ACTIVE to ARCHIVED)`);
  });

  it('a page at a time, from both ends', async () => {
    const { flagKey, all } = await busyFlag();
    const page = async (args: string) => {
      const { data, errors } = await flags.service.gql<{ flag: { openSchedules: Open & { pageInfo: { endCursor: string } } } }>(
        `query ($key: String!) { flag(key: $key) { openSchedules(${args}) { edges { node { id } } pageInfo { endCursor } } } }`,
        { key: flagKey },
        { as: flags.as },
      );
      return data?.flag.openSchedules ?? expect.unreachable(JSON.stringify(errors));
    };
    const first = await page('first: 3');
    expect(idsOf(first)).toEqual(all.slice(0, 3));
    expect(idsOf(await page(`first: 3, after: "${first.pageInfo.endCursor}"`))).toEqual(all.slice(3));
    expect(idsOf(await page('last: 2'))).toEqual(all.slice(2));
    expect(idsOf(await page(`last: 1, before: "${first.pageInfo.endCursor}"`))).toEqual([all[1]]);
  });
});

describe('updateFlag cannot take away a variant', () => {
  const withoutBlue = colours.slice(0, 2);

  it.each<[string, object, string]>([
    ['its default variant', { defaultVariant: 'blue' }, 'the default variant'],
    ['one of its rules', { rules: [ruleFor('beta'), ruleFor('gamma', 'blue')] }, "rule 'gamma'"],
  ])('that an open schedule needs for %s, and names the schedule', async (_what, updates, what) => {
    const flagKey = await flags.aFlag();
    const id = await schedule(flagKey, 10, { environment: 'staging', updates });
    const at = minutesFrom(flags.clock.at, 10).toISOString();
    const needed = {
      issues: [
        { path: ['variants'], message: `must include 'blue': ${what} of schedule '${id}', due in staging at ${at}, needs it` },
      ],
    };
    expect(await flags.refused('updateFlag', { flagKey, variants: withoutBlue })).toMatchObject(needed);
    await fail(id, minutesFrom(flags.clock.at, 5));
    expect(await flags.refused('updateFlag', { flagKey, variants: withoutBlue })).toMatchObject(needed);
    await flags.must('cancelSchedule', { id });
    await flags.must('updateFlag', { flagKey, variants: withoutBlue });
  });

  it('while a schedule that needs it is being created: one of the two sees the other', async () => {
    const db = await createPostgresDatabase();
    const beside = await openBeside(db.url);
    const [spine, other] = [await makeSpine(db.database), await makeSpine(beside)];
    const admin = anAdmin();
    const won: string[] = [];
    // Who creates does more before it locks the flag, so it gets as much of a start as it needs to win sometimes.
    let startMs = 0;
    for (let round = 0; round < 40; round++) {
      const flagKey = `raced-${round}`;
      await spine.createFlag(admin, { key: flagKey, name: 'N', type: 'STRING', variants: colours });
      const create = () =>
        other.createSchedule(admin, {
          flagKey,
          environment: 'production',
          scheduledAt: minutesFrom(new Date(), 60),
          updates: { defaultVariant: 'blue' },
        });
      const take = () => spine.updateFlag(admin, { flagKey, variants: withoutBlue });
      // Each of the two goes first half of the time.
      const both = round % 2 === 0 ? [create(), later(startMs).then(take)] : [take(), create()].reverse();
      const [created, taken] = await Promise.allSettled(both);
      if (round % 2 === 0) startMs = created?.status === 'fulfilled' ? startMs / 2 : startMs * 2 + 1;
      expect([created?.status, taken?.status].toSorted()).toEqual(['fulfilled', 'rejected']);
      const refusal = [created, taken].find((one) => one?.status === 'rejected');
      expect(refusal?.status === 'rejected' && refusal.reason).toBeInstanceOf(ValidationError);
      won.push(created?.status === 'fulfilled' ? 'create' : 'take');
    }
    expect(new Set(won)).toEqual(new Set(['create', 'take']));
  });

  it('while a transaction that creates such a schedule is under way: it waits for that, and then sees it', async () => {
    const db = await createPostgresDatabase();
    const beside = await openBeside(db.url);
    const [spine, other] = [await makeSpine(db.database), await makeSpine(beside)];
    await spine.createFlag(anAdmin(), { key: 'waiting', name: 'N', type: 'STRING', variants: colours });
    const scheduled = {
      flagKey: 'waiting',
      environment: 'production',
      scheduledAt: minutesFrom(new Date(), 60),
      updates: { defaultVariant: 'blue' },
    };
    await db.database.runScript(`
      CREATE FUNCTION wait_for_test() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM pg_advisory_xact_lock(4712); RETURN NEW; END $$;
      CREATE TRIGGER wait_for_test AFTER INSERT ON feature_flag_schedules FOR EACH ROW EXECUTE FUNCTION wait_for_test()`);
    const holding = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const holder = db.database.prisma.$transaction(
      async (tx) => {
        await tx.$executeRaw`SELECT pg_advisory_xact_lock(4712)`;
        holding.resolve();
        await goOn.promise;
      },
      { timeout: 30_000 },
    );
    await holding.promise;
    const created = other.createSchedule(anAdmin(), scheduled);
    const waiting = (count: number) =>
      expect.poll(() => db.sql('SELECT 1 FROM pg_locks WHERE NOT granted'), { timeout: 20_000 }).toHaveLength(count);
    await waiting(1);
    const taken = spine.updateFlag(anAdmin(), { flagKey: 'waiting', variants: withoutBlue });
    const refusal = expect(taken).rejects.toThrow(/must include 'blue': the default variant of schedule/);
    await waiting(2);
    goOn.resolve();
    await holder;
    const { id } = await created;
    await refusal;
    expect(await makeScheduleStore(db.database.prisma).countOpen({ environment: 'production' })).toBe(1);
    expect(id).toBeDefined();
  });
});

describe('a schedule that is created warns', () => {
  type Warned = { id: string; warnings: { code: string; message: string }[] };
  const create = (input: object) => mutate<Warned>('createSchedule', 'Schedule', input, 'id warnings { code message }');
  const at = () => minutesFrom(flags.clock.at, 5).toISOString();

  it('of an emergency override and a running experiment, until it is not open any more', async () => {
    const flagKey = await flags.aFlag();
    const experiment = { key: 'colour', variants: ['red', 'blue'].map((variant) => ({ variant, weight: 1 })) };
    await flags.must('startExperiment', { flagKey, experiment });
    await flags.must('emergencyOverride', { flagKey, updates: { enabled: false }, reason: 'fire' });
    const since = flags.clock.at.toISOString();
    const { id, warnings } = await create({ flagKey, scheduledAt: at(), updates: { enabled: true } });
    expect(warnings).toEqual([
      {
        code: 'EMERGENCY_OVERRIDE_ACTIVE',
        message: `An emergency override by 'ada' has held the flag in production since ${since} (fire): the schedule fails until it is lifted`,
      },
      {
        code: 'EXPERIMENT_RUNNING',
        message: `Experiment 'colour' has been running in production since ${since}: the schedule changes the flag while it runs`,
      },
    ]);
    const elsewhere = { flagKey, environment: 'staging', scheduledAt: at() };
    expect((await create({ ...elsewhere, updates: { enabled: true } })).warnings).toEqual([]);
    // A status is the same in all environments.
    expect((await create({ ...elsewhere, updates: { status: 'DEPRECATED' } })).warnings).toMatchObject([
      { code: 'EMERGENCY_OVERRIDE_ACTIVE' },
    ]);
    const cancelled = await mutate<Warned>('cancelSchedule', 'Schedule', { id }, 'id warnings { code message }');
    expect(cancelled.warnings).toEqual([]);
  });

  it('of a flag on its way out, and of one archived or an environment disabled since', async () => {
    const flagKey = await flags.aFlag();
    await flags.must('createEnvironment', { key: 'doomed', name: 'Doomed' });
    await flags.must('deprecateFlag', { flagKey });
    const { id, warnings } = await create({
      flagKey,
      environment: 'doomed',
      scheduledAt: at(),
      updates: { enabled: true },
    });
    expect(warnings).toEqual([
      { code: 'FLAG_DEPRECATED', message: `Flag '${flagKey}' is deprecated: it should no longer be used` },
    ]);
    await flags.must('archiveFlag', { flagKey });
    await flags.must('disableEnvironment', { key: 'doomed' });
    const { data } = await flags.service.gql<{ schedule: Warned }>(
      'query ($id: ID!) { schedule(id: $id) { id warnings { code message } } }',
      { id },
      { as: flags.as },
    );
    expect(data?.schedule.warnings.map(({ code }) => code)).toEqual(['ENVIRONMENT_DISABLED', 'FLAG_ARCHIVED']);
  });
});
