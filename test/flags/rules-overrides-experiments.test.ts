import { beforeAll, describe, expect, it } from 'vitest';
import { minutesFrom } from '../support/spine.ts';
import { type FlagService, issuesOf, ruleFor, startFlagService } from './operations.ts';

let flags: FlagService;
beforeAll(async () => {
  flags = await startFlagService();
});

describe('targeting rules', () => {
  it('are added where they are asked for, changed, moved and removed, with an event each', async () => {
    const flagKey = await flags.aFlag();
    const order = async () => (await flags.stateOf(flagKey)).rules.map(({ key }) => key);
    expect(await flags.done('addFlagRule', { flagKey, rule: ruleFor('b') })).toMatchObject({
      eventType: 'flag_rule.added',
      description: `Flag '${flagKey}' in production: rule 'b' was added`,
      previousState: { rules: [] },
      newState: { rules: [{ ...ruleFor('b'), description: null }] },
      metadata: { ruleKey: 'b' },
    });
    await flags.done('addFlagRule', { flagKey, rule: ruleFor('d'), position: 99 });
    await flags.done('addFlagRule', { flagKey, rule: ruleFor('a'), position: 0 });
    await flags.done('addFlagRule', { flagKey, rule: { ...ruleFor('c'), description: 'third' }, position: 2 });
    expect(await order()).toEqual(['a', 'b', 'c', 'd']);

    expect(await flags.done('updateFlagRule', { flagKey, rule: ruleFor('b', 'blue') })).toMatchObject({
      eventType: 'flag_rule.updated',
      description: `Flag '${flagKey}' in production: rule 'b' was changed`,
      changes: [{ field: "rules['b'].targeting" }],
      metadata: { ruleKey: 'b' },
    });
    expect(await order()).toEqual(['a', 'b', 'c', 'd']);
    await flags.done('updateFlagRule', { flagKey, rule: ruleFor('b', 'blue'), position: 99 });
    await flags.done('updateFlagRule', { flagKey, rule: ruleFor('d'), position: 0 });
    expect(await order()).toEqual(['d', 'a', 'c', 'b']);
    // A rule is all that it is: what is not given is not kept from before.
    expect((await flags.done('updateFlagRule', { flagKey, rule: ruleFor('c') })).newState).toMatchObject({
      rules: [{}, {}, { key: 'c', description: null }, {}],
    });

    expect(await flags.done('removeFlagRule', { flagKey, ruleKey: 'a' })).toMatchObject({
      eventType: 'flag_rule.removed',
      description: `Flag '${flagKey}' in production: rule 'a' was removed`,
      metadata: { ruleKey: 'a' },
    });
    expect(await order()).toEqual(['d', 'c', 'b']);
    expect((await flags.stateOf(flagKey, 'staging')).rules).toEqual([]);
  });

  it('that are changed to what they are leave no trace', async () => {
    const flagKey = await flags.aFlag();
    await flags.must('addFlagRule', { flagKey, rule: ruleFor('a') });
    const before = await flags.stateOf(flagKey);
    for (const position of [undefined, 0, 5]) {
      expect(await flags.eventsBy(() => flags.must('updateFlagRule', { flagKey, rule: ruleFor('a'), position }))).toEqual([]);
    }
    expect(await flags.stateOf(flagKey)).toEqual(before);
  });

  it('are unknown, or there already', async () => {
    const flagKey = await flags.aFlag();
    await flags.must('addFlagRule', { flagKey, rule: ruleFor('a') });
    expect(await flags.refused('addFlagRule', { flagKey, rule: ruleFor('a') })).toMatchObject({
      __typename: 'FlagRuleAlreadyExistsError',
      code: 'FLAG_RULE_ALREADY_EXISTS',
      flagKey,
      environment: 'production',
      ruleKey: 'a',
      message: `Flag '${flagKey}' already has a rule 'a' in production`,
    });
    for (const [name, rest] of Object.entries({ updateFlagRule: { rule: ruleFor('b') }, removeFlagRule: { ruleKey: 'b' } })) {
      expect(await flags.refused(name, { flagKey, ...rest })).toMatchObject({
        __typename: 'FlagRuleNotFoundError',
        code: 'FLAG_RULE_NOT_FOUND',
        flagKey,
        environment: 'production',
        ruleKey: 'b',
        message: `Flag '${flagKey}' has no rule 'b' in production`,
      });
    }
  });

  it('are at most 100, and at most 64 KiB in all', async () => {
    const flagKey = await flags.aFlag();
    const rules = Array.from({ length: 100 }, (_, n) => ruleFor(`r${n}`));
    await flags.done('updateFlagState', { flagKey, updates: { rules } });
    expect(await flags.refused('addFlagRule', { flagKey, rule: ruleFor('one-more') })).toMatchObject({
      issues: [{ path: ['rule'], message: 'must have at most 100 rules' }],
    });
    expect(issuesOf(await flags.refused('updateFlagState', { flagKey, updates: { rules: [...rules, ruleFor('x')] } }))).toEqual([
      'VALIDATION_ERROR',
      'updates.rules',
    ]);
    const large = (key: string) => ({ key, targeting: { if: [{ in: [{ var: 'x' }, 'x'.repeat(14_000)] }, 'red', null] } });
    await flags.must('updateFlagState', { flagKey, updates: { rules: ['a', 'b', 'c', 'd'].map(large) } });
    expect(issuesOf(await flags.refused('addFlagRule', { flagKey, rule: large('e') }))).toEqual(['VALIDATION_ERROR', 'rule']);
    expect(
      issuesOf(await flags.refused('updateFlagState', { flagKey, updates: { rules: ['a', 'b', 'c', 'd', 'e'].map(large) } })),
    ).toEqual(['VALIDATION_ERROR', 'updates.rules']);
  });

  it.each<[string, unknown, string]>([
    ['an operator that flagd does not have', { if: [{ matches: ['a', 'b'] }, 'red', null] }, 'targeting'],
    ['a variant that is none', { if: [{ '==': [1, 1] }, 'pink', null] }, 'targeting'],
    ['a number', 1, 'targeting'],
    [
      'a split among unknown variants',
      {
        fractional: [
          ['red', 50],
          ['pink', 50],
        ],
      },
      'targeting',
    ],
  ])('with %s are refused below the input, by whichever way they come', async (_what, targeting, below) => {
    const flagKey = await flags.aFlag();
    await flags.must('addFlagRule', { flagKey, rule: ruleFor('a') });
    const rule = { key: 'a', targeting };
    const scheduledAt = minutesFrom(flags.clock.at, 5).toISOString();
    for (const [name, input, prefix] of [
      ['addFlagRule', { rule: { ...rule, key: 'b' } }, `rule.${below}`],
      ['updateFlagRule', { rule }, `rule.${below}`],
      ['updateFlagState', { updates: { rules: [ruleFor('c'), rule] } }, `updates.rules.1.${below}`],
      ['createSchedule', { scheduledAt, updates: { rules: [rule] } }, `updates.rules.0.${below}`],
      ['emergencyOverride', { reason: 'fire', updates: { rules: [rule] } }, `updates.rules.0.${below}`],
    ] as const) {
      const [code, ...paths] = issuesOf(await flags.refused(name, { flagKey, ...input }));
      expect([name, code]).toEqual([name, 'VALIDATION_ERROR']);
      expect(paths.length).toBeGreaterThan(0);
      for (const path of paths) expect(`${path}.`).toContain(`${prefix}.`);
    }
  });

  it.each<[object, string[]]>([
    [{ rule: { ...ruleFor('a'), key: '' } }, ['rule.key']],
    [{ rule: { ...ruleFor('a'), key: 'x'.repeat(65) } }, ['rule.key']],
    [{ rule: { ...ruleFor('a'), description: 'x'.repeat(1001) } }, ['rule.description']],
    [{ rule: ruleFor('a'), position: -1 }, ['position']],
    [{ rule: ruleFor('a'), expectedVersion: 0 }, ['expectedVersion']],
    [{ rule: ruleFor('a'), environment: '' }, ['environment']],
  ])('as %j are refused', async (input, paths) => {
    expect(issuesOf(await flags.refused('addFlagRule', { flagKey: await flags.aFlag(), ...input }))).toEqual([
      'VALIDATION_ERROR',
      ...paths,
    ]);
  });
});

describe('overrides', () => {
  it('of a user and of a group of the same name are two, with an event each as they come and go', async () => {
    const flagKey = await flags.aFlag();
    const expiresAt = minutesFrom(flags.clock.at, 60).toISOString();
    const ofUser = { type: 'USER', targetId: 'x', variant: 'red' };
    const ofGroup = { type: 'GROUP', targetId: 'x', variant: 'blue', expiresAt };
    expect(await flags.done('addFlagOverride', { flagKey, override: ofUser })).toMatchObject({
      eventType: 'flag_override.added',
      description: `Flag '${flagKey}' in production: user 'x' gets 'red', whatever the rules say`,
      newState: { overrides: [{ ...ofUser, expiresAt: null }] },
      metadata: { override_type: 'USER', target_id: 'x', variant: 'red', expiresAt: null },
    });
    expect(await flags.done('addFlagOverride', { flagKey, override: ofGroup })).toMatchObject({
      eventType: 'flag_override.added',
      description: `Flag '${flagKey}' in production: group 'x' gets 'blue' until ${expiresAt}, whatever the rules say`,
      metadata: { override_type: 'GROUP', target_id: 'x', variant: 'blue', expiresAt },
    });
    expect(await flags.refused('addFlagOverride', { flagKey, override: { ...ofUser, variant: 'green' } })).toMatchObject({
      __typename: 'FlagOverrideAlreadyExistsError',
      code: 'FLAG_OVERRIDE_ALREADY_EXISTS',
      flagKey,
      environment: 'production',
      type: 'USER',
      targetId: 'x',
      message: `Flag '${flagKey}' already has an override for user 'x' in production`,
    });

    expect(await flags.done('removeFlagOverride', { flagKey, override: { type: 'USER', targetId: 'x' } })).toMatchObject({
      eventType: 'flag_override.removed',
      description: `Flag '${flagKey}' in production: the override of user 'x' was removed`,
      newState: { overrides: [ofGroup] },
      metadata: { override_type: 'USER', target_id: 'x', reason: null },
    });
    expect(await flags.refused('removeFlagOverride', { flagKey, override: { type: 'USER', targetId: 'x' } })).toMatchObject({
      __typename: 'FlagOverrideNotFoundError',
      code: 'FLAG_OVERRIDE_NOT_FOUND',
      flagKey,
      environment: 'production',
      type: 'USER',
      targetId: 'x',
      message: `Flag '${flagKey}' has no override for user 'x' in production`,
    });
  });

  it('that have expired make room for another one, and for no longer than that', async () => {
    const flagKey = await flags.aFlag();
    const start = flags.clock.at;
    const override = { type: 'USER', targetId: 'x', variant: 'red' };
    const expiresAt = minutesFrom(start, 1).toISOString();
    await flags.must('addFlagOverride', { flagKey, override: { ...override, expiresAt } });
    flags.clock.at = new Date(minutesFrom(start, 1).getTime() - 1);
    expect(await flags.refused('addFlagOverride', { flagKey, override })).toMatchObject({ code: 'FLAG_OVERRIDE_ALREADY_EXISTS' });
    flags.clock.at = minutesFrom(start, 1);
    expect(await flags.done('addFlagOverride', { flagKey, override: { ...override, variant: 'blue' } })).toMatchObject({
      previousState: { overrides: [{ variant: 'red', expiresAt }] },
      newState: { overrides: [{ variant: 'blue', expiresAt: null }] },
    });
  });

  it.each<[object, string[]]>([
    [{ targetId: 'x', variant: 'pink' }, ['override.variant']],
    [{ targetId: '', variant: 'red' }, ['override.targetId']],
    [{ targetId: 'x'.repeat(256), variant: 'red' }, ['override.targetId']],
    [{ targetId: 'x', variant: 'red', expiresAt: '2026-03-01T09:00:00Z' }, ['override.expiresAt']],
    [{ targetId: 'x', variant: 'pink', expiresAt: '2020-01-01T00:00:00Z' }, ['override.variant', 'override.expiresAt']],
  ])('as %j are refused', async (override, paths) => {
    const input = { flagKey: await flags.aFlag(), override: { type: 'USER', ...override } };
    expect(issuesOf(await flags.refused('addFlagOverride', input))).toEqual(['VALIDATION_ERROR', ...paths]);
  });

  it('that have expired go when another one comes, and are counted no longer', async () => {
    const flagKey = await flags.aFlag();
    await flags.db.sql(
      `UPDATE feature_flag_states SET overrides = (SELECT jsonb_agg(jsonb_build_object('type', 'USER', 'targetId', n::text, 'variant', 'red',
         'expiresAt', CASE WHEN n > 1 THEN '2020-01-01T00:00:00.000Z' END)) FROM generate_series(1, 200) n)
       FROM feature_flags f WHERE f.id = flag_id AND f.key = $1`,
      [flagKey],
    );
    await flags.must('addFlagOverride', { flagKey, override: { type: 'GROUP', targetId: 'x', variant: 'blue' } });
    const { overrides } = await flags.stateOf(flagKey);
    expect(overrides.map(({ type, targetId }) => `${type} ${targetId}`)).toEqual(['USER 1', 'GROUP x']);
  });

  it('are at most 200', async () => {
    const flagKey = await flags.aFlag();
    await flags.db.sql(
      `UPDATE feature_flag_states SET overrides = (SELECT jsonb_agg(jsonb_build_object('type', 'USER', 'targetId', n::text, 'variant', 'red', 'expiresAt', null))
         FROM generate_series(1, 200) n) FROM feature_flags f WHERE f.id = flag_id AND f.key = $1`,
      [flagKey],
    );
    const answer = await flags.refused('addFlagOverride', {
      flagKey,
      override: { type: 'GROUP', targetId: '1', variant: 'red' },
    });
    expect(answer).toMatchObject({
      issues: [{ path: ['override'], message: 'would be one too many: a state can have at most 200 overrides' }],
    });
  });
});

describe('an experiment', () => {
  const variants = [
    { variant: 'red', weight: 1 },
    { variant: 'blue', weight: 3 },
  ];
  const experiment = { key: 'colour', hypothesis: 'blue sells', variants };

  it('is started, is the only one, and is stopped with what came of it', async () => {
    const flagKey = await flags.aFlag();
    const kept = { ...experiment, startedAt: flags.clock.at.toISOString(), startedBy: 'ada' };
    expect(await flags.done('startExperiment', { flagKey, experiment })).toMatchObject({
      eventType: 'flag_experiment.started',
      description: `Flag '${flagKey}' in production: experiment 'colour' was started with 1 'red' : 3 'blue'`,
      newState: { experiment: kept },
      metadata: { experimentKey: 'colour', variants },
    });
    expect(await flags.refused('startExperiment', { flagKey, experiment: { ...experiment, key: 'second' } })).toMatchObject({
      __typename: 'ExperimentAlreadyRunningError',
      code: 'EXPERIMENT_ALREADY_RUNNING',
      flagKey,
      environment: 'production',
      experimentKey: 'colour',
      message: `Flag '${flagKey}' already runs experiment 'colour' in production: stop it first`,
    });
    expect(await flags.done('stopExperiment', { flagKey, outcome: 'no difference' })).toMatchObject({
      eventType: 'flag_experiment.stopped',
      description: `Flag '${flagKey}' in production: experiment 'colour' was stopped: no difference`,
      previousState: { experiment: kept, defaultVariant: null },
      newState: { experiment: null, defaultVariant: null },
      metadata: { experimentKey: 'colour', outcome: 'no difference', winningVariant: null },
    });
    expect(await flags.refused('stopExperiment', { flagKey, outcome: 'again' })).toMatchObject({
      __typename: 'ExperimentNotRunningError',
      code: 'EXPERIMENT_NOT_RUNNING',
      flagKey,
      environment: 'production',
      message: `Flag '${flagKey}' has no running experiment in production`,
    });
  });

  it('makes the winner the default variant in the same change, and only one that took part', async () => {
    const flagKey = await flags.aFlag();
    await flags.must('startExperiment', { flagKey, experiment });
    expect(await flags.refused('stopExperiment', { flagKey, outcome: 'x', winningVariant: 'green' })).toMatchObject({
      issues: [
        { path: ['winningVariant'], message: "is 'green', which is not an arm of the experiment: it must be one of red, blue" },
      ],
    });
    const event = await flags.done('stopExperiment', { flagKey, outcome: 'sold more', winningVariant: 'blue' });
    expect(event).toMatchObject({
      eventType: 'flag_experiment.stopped',
      description: `Flag '${flagKey}' in production: experiment 'colour' was stopped, 'blue' has won: sold more`,
      newState: { experiment: null, defaultVariant: 'blue' },
      metadata: { winningVariant: 'blue' },
    });
    expect(event.changes.map(({ field }) => field)).toEqual(['defaultVariant', 'experiment']);
  });

  it.each<[object, string[]]>([
    [{ variants: variants.slice(1) }, ['experiment.variants']],
    [{ variants: [...variants, ...variants] }, ['experiment.variants']],
    [{ variants: [{ variant: 'pink', weight: 1 }, ...variants] }, ['experiment.variants.0.variant']],
    [{ variants: [...variants, { variant: 'green', weight: 0 }] }, ['experiment.variants.2.weight']],
    [{ variants: [...variants, { variant: 'green', weight: 1_000_001 }] }, ['experiment.variants.2.weight']],
    [{ key: '' }, ['experiment.key']],
    [{ hypothesis: 'x'.repeat(1001) }, ['experiment.hypothesis']],
  ])('with %j is refused', async (rest, paths) => {
    const input = { flagKey: await flags.aFlag(), experiment: { ...experiment, ...rest } };
    expect(issuesOf(await flags.refused('startExperiment', input))).toEqual(['VALIDATION_ERROR', ...paths]);
  });
});
