import { MemoryStorage } from '@openfeature/flagd-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { addDue, minutesFrom } from '../support/spine.ts';
import { setScheduleUpdates } from '../support/tables.ts';
import { colours, type FlagService, issuesOf, ruleFor, startFlagService } from './operations.ts';

let flags: FlagService;
beforeAll(async () => {
  flags = await startFlagService();
});

const onAndOff = [
  { key: 'on', value: true },
  { key: 'off', value: false },
];
const noneYet = 'the flag has no variants yet: give it some with updateFlag';

/** Every way in which a default variant can be set. */
const waysToSet = (flagKey: string, defaultVariant: string): [string, Parameters<FlagService['refused']>[1]][] => {
  const updates = { defaultVariant };
  const scheduledAt = minutesFrom(flags.clock.at, 5).toISOString();
  return [
    ['updateFlagState', { flagKey, updates }],
    ['createSchedule', { flagKey, updates, scheduledAt }],
    ['emergencyOverride', { flagKey, updates, reason: 'fire' }],
  ];
};

describe('a boolean flag without variants of its own', () => {
  it('has on and off, and says so', async () => {
    const created = await flags.must('createFlag', { key: 'says-so', name: 'N' });
    expect(created.variants).toEqual(onAndOff);
    expect((await flags.findFlag('says-so'))?.variants).toEqual(onAndOff);
    // A form sends back what it was shown.
    const renamed = await flags.must('updateFlag', { flagKey: 'says-so', name: 'M', variants: onAndOff });
    expect(renamed).toMatchObject({ name: 'M', variants: onAndOff, version: 2 });
    expect(await flags.eventsBy(() => flags.must('updateFlag', { flagKey: 'says-so', variants: onAndOff }))).toEqual([]);
  });

  it('takes on and off as its default variant, and no other, by whichever way it comes', async () => {
    const flagKey = 'checked';
    await flags.must('createFlag', { key: flagKey, name: 'N' });
    for (const [name, input] of waysToSet(flagKey, 'nope')) {
      const refusal = await flags.refused(name, input);
      expect([name, ...issuesOf(refusal)]).toEqual([name, 'VALIDATION_ERROR', 'updates.defaultVariant']);
      expect(refusal.issues?.[0]?.message).toBe("is 'nope', which is not a variant of the flag: it has on, off");
    }
    for (const [name, input] of waysToSet(flagKey, 'off')) await flags.must(name, input);
  });
});

describe('any other flag without variants', () => {
  it('takes no default variant, rule, override or experiment, and says what to do', async () => {
    const flagKey = 'without';
    await flags.must('createFlag', { key: flagKey, name: 'N', type: 'STRING' });
    expect((await flags.findFlag(flagKey))?.variants).toEqual([]);
    const arms = ['a', 'b'].map((variant) => ({ variant, weight: 1 }));
    const undecided = { key: 'r', targeting: { if: [{ '==': [{ var: 'plan' }, 'pro'] }, null, null] } };
    const refusals: [string, Parameters<FlagService['refused']>[1], string][] = [
      ...waysToSet(flagKey, 'a').map(([name, input]): [string, typeof input, string] => [name, input, 'updates.defaultVariant']),
      ['updateFlagState', { flagKey, updates: { rules: [ruleFor('r', 'a')] } }, 'updates.rules.0.targeting'],
      ['addFlagRule', { flagKey, rule: ruleFor('r', 'a') }, 'rule.targeting'],
      ['addFlagRule', { flagKey, rule: undecided }, 'rule.targeting'],
      ['addFlagOverride', { flagKey, override: { type: 'USER', targetId: 'u', variant: 'a' } }, 'override.variant'],
      ['startExperiment', { flagKey, experiment: { key: 'e', variants: arms } }, 'experiment.variants.0.variant'],
    ];
    for (const [name, input, path] of refusals) {
      const { issues } = await flags.refused(name, input);
      expect([name, issues?.[0]?.path.join('.'), issues?.[0]?.message]).toEqual([name, path, noneYet]);
    }
    await flags.must('updateFlag', { flagKey, variants: colours });
    await flags.must('updateFlagState', { flagKey, updates: { defaultVariant: 'red', rules: [ruleFor('r')] } });
  });
});

describe('an unknown default variant that was written before', () => {
  /** As releases before have left it. */
  const corrupt = (key: string, variant: string) =>
    flags.db.sql(
      `UPDATE feature_flag_states s SET default_variant = $2 FROM feature_flags f WHERE f.id = s.flag_id AND f.key = $1`,
      [key, variant],
    );

  it('is read as it is, and neither held against other changes nor in the way of a known one', async () => {
    await flags.must('createFlag', { key: 'kept', name: 'N' });
    await corrupt('kept', 'nope');
    expect(await flags.stateOf('kept')).toMatchObject({ defaultVariant: 'nope' });
    await flags.must('updateFlagState', { flagKey: 'kept', updates: { enabled: true } });
    await flags.must('updateFlagState', { flagKey: 'kept', updates: { defaultVariant: 'on' } });
  });

  it('that a schedule would set makes it fail with the reason', async () => {
    const { spine, db, clock } = flags;
    const at = clock.at;
    await flags.must('createFlag', { key: 'due', name: 'N' });
    const { id } = await addDue(spine, clock, { flagKey: 'due', minutesAgo: 1 });
    clock.at = at;
    await setScheduleUpdates(db, id, { defaultVariant: 'nope' });
    const { failed } = await spine.applyDue();
    expect(failed.filter(({ schedule }) => schedule.id === id).map(({ schedule }) => schedule.errorMessage)).toEqual([
      "updates.defaultVariant: is 'nope', which is not a variant of the flag: it has on, off",
    ]);
    expect(await flags.stateOf('due')).toMatchObject({ defaultVariant: null });
  });

  it('leaves the flag out of an export, whose answer names it with the reason, and is still a document for flagd', async () => {
    await flags.must('createFlag', { key: 'exported', name: 'N' });
    await flags.must('createFlag', { key: 'left-out', name: 'N' });
    await flags.must('createFlag', { key: 'limit', name: 'N', type: 'NUMBER' });
    await corrupt('left-out', 'nope');
    const { data } = await flags.service.gql<{ exportFlags: { flags: object; omitted?: { flagKey: string }[] } }>(
      '{ exportFlags }',
      {},
      { as: flags.as },
    );
    const { flags: exported, omitted = [] } = data?.exportFlags ?? expect.unreachable();
    expect(Object.keys(exported)).toContain('exported');
    expect(omitted.filter(({ flagKey }) => ['left-out', 'limit'].includes(flagKey))).toEqual([
      { flagKey: 'left-out', reason: "its default variant 'nope' is not one of its variants: on, off" },
      { flagKey: 'limit', reason: 'it has no variants yet' },
    ]);
    for (const { flagKey } of omitted) expect(exported).not.toHaveProperty(flagKey);
    const ignore = () => {};
    const storage = new MemoryStorage({ error: ignore, warn: ignore, info: ignore, debug: ignore });
    storage.setConfigurations(JSON.stringify(data?.exportFlags), true);
    expect([...storage.getFlags().keys()].toSorted()).toEqual(Object.keys(exported).toSorted());
  });
});
