import { beforeAll, describe, expect, it } from 'vitest';
import { type FlagService, issuesOf, ruleFor, startFlagService } from './operations.ts';

let flags: FlagService;
beforeAll(async () => {
  flags = await startFlagService();
});

describe('an update of a state', () => {
  const inStaging = (flagKey: string) => `Flag '${flagKey}' in staging`;
  const ofFlag = (flagKey: string) => `Flag '${flagKey}'`;
  it.each<[object, string, (flagKey: string) => string, string[]?]>([
    [
      { enabled: true, rolloutPercentage: 5, status: 'DEPRECATED', rules: [ruleFor('a')] },
      'flag.enabled',
      (key) =>
        `${inStaging(key)} was enabled; rolloutPercentage changed from 100 to 5; rules count changed from 0 to 1; status changed from 'ACTIVE' to 'DEPRECATED' in all environments`,
      ['enabled', 'rolloutPercentage', "rules['a']", 'status'],
    ],
    [
      { rolloutPercentage: 5, status: 'DEPRECATED', defaultVariant: 'red' },
      'flag.rollout_changed',
      (key) =>
        `${inStaging(key)}: rollout configuration changed from 100 to 5 %; defaultVariant changed from null to 'red'; status changed from 'ACTIVE' to 'DEPRECATED' in all environments`,
    ],
    [
      { status: 'DEPRECATED', defaultVariant: 'red' },
      'flag.deprecated',
      (key) =>
        `${ofFlag(key)} was deprecated in all environments (from ACTIVE to DEPRECATED); in staging, defaultVariant changed from null to 'red'`,
    ],
    [
      { status: 'ARCHIVED' },
      'flag.archived',
      (key) => `${ofFlag(key)} was archived in all environments (from ACTIVE to ARCHIVED)`,
    ],
    [
      { status: 'ARCHIVED', enabled: true, rolloutPercentage: 5 },
      'flag.archived',
      (key) =>
        `${ofFlag(key)} was archived in all environments (from ACTIVE to ARCHIVED); in staging, enabled changed from false to true; rolloutPercentage changed from 100 to 5`,
    ],
    [
      { defaultVariant: 'red', rules: [ruleFor('a')] },
      'flag.updated',
      (key) => `${inStaging(key)}: default value changed from null to 'red'; rules count changed from 0 to 1`,
      ['defaultVariant', "rules['a']"],
    ],
    [
      { rules: [ruleFor('a'), ruleFor('b')] },
      'flag.updated',
      (key) => `${inStaging(key)}: rules count changed from 0 to 2`,
      ["rules['a']", "rules['b']"],
    ],
  ])('%j is one event, %s, that says each change once', async (updates, eventType, sentence, fields) => {
    const flagKey = await flags.aFlag();
    const event = await flags.done('updateFlagState', { flagKey, environment: 'staging', updates });
    expect(event).toMatchObject({ eventType, description: sentence(flagKey) });
    expect(event.changes.map(({ field }) => field)).toEqual(fields ?? Object.keys(updates).toSorted());
    const { status = 'ACTIVE' } = updates as { status?: string };
    expect(await flags.findFlag(flagKey)).toMatchObject({ status, version: status === 'ACTIVE' ? 1 : 2 });
  });

  it.each<[string, object, string, string]>([
    ['DEPRECATED', { status: 'ACTIVE', defaultVariant: 'red' }, 'flag.activated', ' was made active again in all environments'],
    ['ARCHIVED', { status: 'ACTIVE' }, 'flag.activated', ' was made active again in all environments'],
    [
      'DEPRECATED',
      { status: 'ACTIVE', rolloutPercentage: 5 },
      'flag.rollout_changed',
      ' in staging: rollout configuration changed',
    ],
    ['DEPRECATED', { status: 'ACTIVE', enabled: true }, 'flag.enabled', ' in staging was enabled'],
  ])('that was %s: %j is one event, %s', async (status, updates, eventType, sentence) => {
    const flagKey = await flags.aFlag();
    await flags.done('updateFlagState', { flagKey, environment: 'production', updates: { status } });
    const event = await flags.done('updateFlagState', { flagKey, environment: 'staging', updates });
    expect(event).toMatchObject({ eventType, description: expect.stringContaining(`Flag '${flagKey}'${sentence}`) });
    expect(event.changes.map(({ field }) => field)).toEqual(Object.keys(updates).toSorted());
    expect(await flags.findFlag(flagKey)).toMatchObject({ status: 'ACTIVE' });
  });

  it.each<[object, string[]]>([
    [{}, ['updates']],
    [{ rules: null, status: null }, ['updates']],
    [{ defaultVariant: 'pink' }, ['updates.defaultVariant']],
    [{ rules: [ruleFor('a'), ruleFor('a')] }, ['updates.rules']],
    [{ rules: [{ ...ruleFor('a'), key: '' }] }, ['updates.rules.0.key']],
    [
      { rolloutPercentage: 101, rules: [ruleFor('a', 'red'), { ...ruleFor('b'), description: 'x'.repeat(1001) }] },
      ['updates.rolloutPercentage', 'updates.rules.1.description'],
    ],
  ])('%j is refused', async (updates, paths) => {
    expect(issuesOf(await flags.refused('updateFlagState', { flagKey: await flags.aFlag(), updates }))).toEqual([
      'VALIDATION_ERROR',
      ...paths,
    ]);
  });

  it('that sets a status can be bound to the version of the flag, which a status is of', async () => {
    const flagKey = await flags.aFlag();
    await flags.must('archiveFlag', { flagKey });
    const input = { flagKey, updates: { enabled: true, status: 'ACTIVE' }, expectedVersion: 1 };
    const answer = await flags.refused('updateFlagState', { ...input, expectedFlagVersion: 1 });
    expect(answer).toMatchObject({
      code: 'FLAG_VERSION_CONFLICT',
      expectedVersion: 1,
      current: { status: 'ARCHIVED', version: 2 },
    });
    await flags.must('updateFlagState', { ...input, expectedFlagVersion: 2 });
    expect(await flags.findFlag(flagKey)).toMatchObject({ status: 'ACTIVE', version: 3 });
  });

  it('that says the same in other words changes nothing', async () => {
    const flagKey = await flags.aFlag();
    const { targeting } = ruleFor('a');
    await flags.must('updateFlagState', {
      flagKey,
      updates: { rules: [{ key: 'a', targeting, description: null }], status: 'DEPRECATED' },
    });
    const same = { rules: [{ targeting, key: 'a' }], status: 'DEPRECATED', enabled: false, rolloutPercentage: 100 };
    expect(await flags.eventsBy(() => flags.must('updateFlagState', { flagKey, updates: same }))).toEqual([]);
    expect(await flags.stateOf(flagKey)).toMatchObject({ version: 2 });
    expect(await flags.findFlag(flagKey)).toMatchObject({ version: 2 });
  });

  it('takes the rules away where it gives none', async () => {
    const flagKey = await flags.aFlag();
    await flags.must('addFlagRule', { flagKey, rule: ruleFor('a') });
    expect(await flags.done('updateFlagState', { flagKey, updates: { rules: [] } })).toMatchObject({ newState: { rules: [] } });
  });
});

/** Every mutation of a state, with an input that it could take as things stand. */
const mutations: [name: string, input: object][] = [
  ['updateFlagState', { updates: { enabled: true, status: 'DEPRECATED' } }],
  ['addFlagRule', { rule: ruleFor('new') }],
  ['updateFlagRule', { rule: ruleFor('there', 'blue') }],
  ['removeFlagRule', { ruleKey: 'there' }],
  ['addFlagOverride', { override: { type: 'USER', targetId: 'new', variant: 'red' } }],
  ['removeFlagOverride', { override: { type: 'USER', targetId: 'there' } }],
  [
    'startExperiment',
    {
      experiment: {
        key: 'e',
        variants: [
          { variant: 'red', weight: 1 },
          { variant: 'blue', weight: 1 },
        ],
      },
    },
  ],
  ['stopExperiment', { outcome: 'x' }],
  ['emergencyOverride', { updates: { enabled: false }, reason: 'fire' }],
  ['liftEmergencyOverride', {}],
];

describe('optimistic concurrency', () => {
  const prepare = async () => {
    const flagKey = await flags.aFlag();
    await flags.must('addFlagRule', { flagKey, rule: ruleFor('there') });
    await flags.must('addFlagOverride', { flagKey, override: { type: 'USER', targetId: 'there', variant: 'red' } });
    return flagKey;
  };

  it.each(mutations)('%s takes the version that it expects, or nothing', async (name, input) => {
    const flagKey = await prepare();
    const current = await flags.stateOf(flagKey);
    for (const expectedVersion of [1, 2, 4, 2_147_483_647]) {
      expect(await flags.refused(name, { flagKey, ...input, expectedVersion })).toMatchObject({
        __typename: 'VersionConflictError',
        code: 'VERSION_CONFLICT',
        expectedVersion,
        current,
      });
    }
    expect(await flags.findFlag(flagKey)).toMatchObject({ status: 'ACTIVE', version: 1 });
    // Each other environment counts its own changes.
    expect(await flags.stateOf(flagKey, 'staging')).toMatchObject({ version: 1 });
    if (['stopExperiment', 'liftEmergencyOverride'].includes(name)) return;
    await flags.done(name, { flagKey, ...input, expectedVersion: 3 });
  });

  it.each(mutations)('%s knows neither unknown flags nor unknown environments', async (name, input) => {
    expect(await flags.run(name, { flagKey: 'none', ...input })).toMatchObject({ code: 'FLAG_NOT_FOUND' });
    expect(await flags.refused(name, { flagKey: 'flag-1', environment: 'mars', ...input })).toMatchObject({
      code: 'ENVIRONMENT_NOT_FOUND',
    });
  });

  it('lets exactly one of several admins win who have all read the same version', async () => {
    const flagKey = await flags.aFlag();
    for (let round = 1; round <= 20; round++) {
      const answers = await Promise.all(
        ['ada', 'ben', 'cyn'].map((targetId, n) =>
          n === 0
            ? flags.run('updateFlagState', { flagKey, updates: { rolloutPercentage: round }, expectedVersion: round })
            : flags.run('addFlagOverride', {
                flagKey,
                override: { type: 'USER', targetId: `${targetId}-${round}`, variant: 'red' },
                expectedVersion: round,
              }),
        ),
      );
      expect(answers.map(({ __typename }) => __typename).toSorted()).toEqual([
        'FlagState',
        'VersionConflictError',
        'VersionConflictError',
      ]);
      for (const { current } of answers) if (current) expect(current).toEqual(await flags.stateOf(flagKey));
    }
    expect(await flags.stateOf(flagKey)).toMatchObject({ version: 21 });
  });

  it('lets all admins win who expect no version, one after the other', async () => {
    const flagKey = await flags.aFlag();
    const targets = Array.from({ length: 20 }, (_, n) => `u${n}`);
    await Promise.all(
      targets.map((targetId) => flags.must('addFlagOverride', { flagKey, override: { type: 'USER', targetId, variant: 'red' } })),
    );
    const { overrides, version } = await flags.stateOf(flagKey);
    expect(overrides.map(({ targetId }) => targetId).toSorted()).toEqual(targets.toSorted());
    expect(version).toBe(21);
  });
});
