import { beforeAll, describe, expect, it } from 'vitest';
import { matchesFilter } from '../../src/audit/model/audit-filter.ts';
import { addDue, anAdmin, minutesFrom } from '../support/spine.ts';
import { readLog } from '../support/tables.ts';
import { type FlagService, startFlagService } from './operations.ts';

// A status is the flag's own, so whatever sets it, in whichever environment, is a change of the flag in all of them.

let flags: FlagService;
beforeAll(async () => {
  flags = await startFlagService();
});

const environments = ['production', 'staging', 'development'];
const query = async <Data>(document: string, variables: object = {}): Promise<Data> => {
  const { data, errors } = await flags.service.gql<Data>(document, { ...variables }, { as: flags.as });
  return data ?? expect.unreachable(JSON.stringify(errors));
};
type Schedules = { id: string; conflicts: { id: string; environment: string }[] };
const schedule = async (flagKey: string, environment: string, minutes: number, updates: string): Promise<Schedules> => {
  const { createSchedule } = await query<{ createSchedule: Schedules }>(
    `mutation ($flagKey: String!, $environment: String!, $at: DateTime!) { createSchedule(input: { flagKey: $flagKey,
       environment: $environment, scheduledAt: $at, updates: ${updates} }) { ... on Schedule { id conflicts { id environment } } } }`,
    { flagKey, environment, at: minutesFrom(flags.clock.at, minutes).toISOString() },
  );
  return createSchedule;
};
type Page = { edges: { node: { eventType: string; environment: string; allEnvironments: boolean; description: string } }[] };
/** What the history of an environment shows, newest first: the flag's own, and the log's. */
const historyOf = async (flagKey: string, environment: string) => {
  const page = 'edges { node { eventType environment allEnvironments description } }';
  const { flag, auditEvents } = await query<{ flag: { history: Page }; auditEvents: Page }>(
    `query ($flagKey: String!, $environment: String!) {
       flag(key: $flagKey) { history(filter: { environment: $environment }) { ${page} } }
       auditEvents(filter: { flagKey: $flagKey, environment: $environment }) { ${page} } }`,
    { flagKey, environment },
  );
  expect(auditEvents).toEqual(flag.history);
  return flag.history.edges.map(({ node }) => node);
};

describe('a status that is scheduled in staging', () => {
  it('is a conflict of what is scheduled in production, and the other way round', async () => {
    const flagKey = await flags.aFlag();
    const enabling = await schedule(flagKey, 'production', 55, '{ enabled: true }');
    const elsewhere = await schedule(flagKey, 'development', 60, '{ enabled: true }');
    const tooFar = await schedule(flagKey, 'production', 180, '{ enabled: true }');
    const archiving = await schedule(flagKey, 'staging', 90, '{ status: ARCHIVED }');
    const next = await schedule(flagKey, 'production', 100, '{ rolloutPercentage: 5 }');
    const idsOf = async ({ id }: Schedules) => {
      const found = await query<{ schedule: Schedules }>(
        'query ($id: ID!) { schedule(id: $id) { id conflicts { id environment } } }',
        {
          id,
        },
      );
      return found.schedule.conflicts.map((one) => one.id);
    };
    expect(archiving.conflicts).toEqual([
      { id: enabling.id, environment: 'production' },
      { id: elsewhere.id, environment: 'development' },
    ]);
    expect(next.conflicts.map(({ id }) => id)).toEqual([enabling.id, archiving.id]);
    expect(await idsOf(enabling)).toEqual([archiving.id, next.id]);
    expect(await idsOf(elsewhere)).toEqual([archiving.id]);
    expect(await idsOf(tooFar)).toEqual([]);
    expect(await idsOf(archiving)).toEqual([enabling.id, elsewhere.id, next.id]);
  });

  it("fails what production has scheduled next, which says which schedule archived the flag; production's history shows it", async () => {
    const flagKey = await flags.aFlag();
    const { spine, clock } = flags;
    const at = clock.at;
    const archiving = await addDue(spine, clock, {
      flagKey,
      minutesAgo: 9,
      environment: 'staging',
      updates: { status: 'ARCHIVED' },
    });
    const enabling = await addDue(spine, clock, { flagKey, minutesAgo: 5, updates: { enabled: true } });
    clock.at = at;
    // What other tests have scheduled is due by now, too.
    const failed = (await spine.applyDue()).failed.filter(({ schedule }) => schedule.flagKey === flagKey);
    expect(failed).toMatchObject([{ schedule: { id: enabling.id } }]);
    const archived = `Flag '${flagKey}' is archived (by schedule '${archiving.id}' at `;
    expect(failed[0]?.schedule.errorMessage?.startsWith(archived)).toBe(true);
    await spine.sequence();
    const due = archiving.scheduledAt.toISOString();
    const said = [
      [
        `flag_schedule.applied`,
        `The scheduled change of flag '${flagKey}' in staging was applied: status changed from 'ACTIVE' to 'ARCHIVED' in all environments`,
      ],
      [
        `flag_schedule.created`,
        `A change of flag '${flagKey}' in staging was scheduled for ${due}: status → ARCHIVED in all environments`,
      ],
    ];
    for (const environment of environments) {
      const ofStaging = (await historyOf(flagKey, environment)).filter((event) => event.environment === 'staging');
      expect(ofStaging.map(({ eventType, description }) => [eventType, description])).toEqual(said);
      expect(ofStaging.map(({ allEnvironments }) => allEnvironments)).toEqual([true, true]);
    }
    // What is of production alone stays there.
    expect((await historyOf(flagKey, 'development')).map(({ environment }) => environment)).not.toContain('production');
  });

  it('is told in full where it is cancelled, or fails, and beside other fields', async () => {
    const flagKey = await flags.aFlag();
    const { id } = await schedule(flagKey, 'staging', 60, '{ enabled: true, status: DEPRECATED }');
    await query('mutation ($id: ID!) { cancelSchedule(input: { id: $id }) { __typename } }', { id });
    const { spine, clock } = flags;
    const at = clock.at;
    await addDue(spine, clock, { flagKey, minutesAgo: 5, environment: 'staging', updates: { status: 'ARCHIVED' } });
    clock.at = at;
    await spine.setEnvironmentEnabled(anAdmin(), { key: 'staging' }, false);
    await spine.applyDue();
    await spine.setEnvironmentEnabled(anAdmin(), { key: 'staging' }, true);
    await spine.sequence();
    const sentences = (await historyOf(flagKey, 'production')).map(({ description }) => description);
    const ofFlag = `flag '${flagKey}' in staging`;
    expect(sentences).toEqual([
      expect.stringContaining(
        `The scheduled change of ${ofFlag} (status → ARCHIVED in all environments) failed: Environment 'staging'`,
      ),
      expect.stringContaining(`A change of ${ofFlag} was scheduled for `),
      expect.stringMatching(
        `^The change of ${ofFlag} \\(status → DEPRECATED in all environments\\) scheduled for .* was cancelled`,
      ),
      expect.stringMatching(`A change of ${ofFlag} .*: enabled → true, status → DEPRECATED in all environments$`),
      `Flag '${flagKey}' was created`,
    ]);
  });
});

describe('histories of every environment show', () => {
  it('each change of the status, and nothing else that is not theirs', async () => {
    const flagKey = await flags.aFlag();
    await flags.must('deprecateFlag', { flagKey });
    await flags.must('archiveFlag', { flagKey });
    await flags.must('activateFlag', { flagKey });
    await flags.must('updateFlag', { flagKey, name: 'Another' });
    await flags.must('updateFlagState', { flagKey, environment: 'staging', updates: { enabled: true } });
    await flags.must('updateFlagState', { flagKey, environment: 'staging', updates: { enabled: false, status: 'DEPRECATED' } });
    await flags.must('updateFlagState', { flagKey, environment: 'staging', updates: { enabled: true, status: 'DEPRECATED' } });
    await flags.spine.sequence();
    const inDevelopment = await historyOf(flagKey, 'development');
    expect(inDevelopment.map(({ environment, allEnvironments }) => [environment, allEnvironments])).toEqual([
      ['staging', true],
      ['production', true],
      ['production', true],
      ['production', true],
    ]);
    expect(inDevelopment[0]?.description).toMatch(/status changed from 'ACTIVE' to 'DEPRECATED'/);
    // The live feed judges in memory what the database judges in SQL.
    const events = (await readLog(flags.db)).filter((event) => event.flagKey === flagKey);
    for (const environment of environments) {
      const live = events.filter((event) => matchesFilter(event, { environment })).map(({ description }) => description);
      expect((await historyOf(flagKey, environment)).map(({ description }) => description)).toEqual(live.toReversed());
    }
  });
});

describe('what a state comes to', () => {
  const effective = 'effective { enabled reason }';
  const of = async (flagKey: string) => {
    const { flag } = await query<{ flag: { states: { effective: object }[] } }>(
      `query ($flagKey: String!) { flag(key: $flagKey) { states { ${effective} } } }`,
      { flagKey },
    );
    return flag.states.map((state) => state.effective);
  };
  const inAll = (enabled: boolean, reason: string) => environments.map(() => ({ enabled, reason }));

  it('is that of the environment, but for an archived flag, which is off in all of them', async () => {
    const flagKey = await flags.aFlag();
    expect(await of(flagKey)).toEqual(inAll(false, 'DISABLED'));
    for (const environment of environments)
      await flags.must('updateFlagState', { flagKey, environment, updates: { enabled: true } });
    expect(await of(flagKey)).toEqual(inAll(true, 'ENABLED'));
    await flags.must('deprecateFlag', { flagKey });
    expect(await of(flagKey)).toEqual(inAll(true, 'ENABLED'));
    await flags.must('archiveFlag', { flagKey });
    expect(await of(flagKey)).toEqual(inAll(false, 'FLAG_ARCHIVED'));
  });

  it('is in the answer of the change that makes it so', async () => {
    const flagKey = await flags.aFlag();
    const set = async (updates: string) => {
      const { updateFlagState } = await query<{ updateFlagState: object }>(
        `mutation ($flagKey: String!) { updateFlagState(input: { flagKey: $flagKey, updates: ${updates} }) { ... on FlagState { enabled ${effective} } } }`,
        { flagKey },
      );
      return updateFlagState;
    };
    expect(await set('{ enabled: true }')).toEqual({ enabled: true, effective: { enabled: true, reason: 'ENABLED' } });
    expect(await set('{ status: ARCHIVED }')).toEqual({ enabled: true, effective: { enabled: false, reason: 'FLAG_ARCHIVED' } });
  });
});
