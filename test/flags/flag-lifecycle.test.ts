import { beforeAll, describe, expect, it } from 'vitest';
import { addDue, anAdmin, minutesFrom } from '../support/spine.ts';
import { colours, type FlagService, ruleFor, startFlagService } from './operations.ts';

let flags: FlagService;
beforeAll(async () => {
  flags = await startFlagService();
});
const byAda = { actor: { type: 'USER', id: 'ada', name: 'Ada', email: 'ada@example.com' } };
const adminMetadata = { adminUserId: 'ada', adminEmail: 'ada@example.com' };
const nested = (levels: number) => JSON.parse(`${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`);
const pathsOf = ({ issues = [] }: { issues?: { path: string[] }[] }) => issues.map(({ path }) => path);

describe('a new flag', () => {
  it.each([
    ['BOOLEAN', [true, false]],
    ['STRING', ['', 'é🎏']],
    ['NUMBER', [0, -1.5e10]],
    ['OBJECT', [{}, { a: [1, { b: null }] }]],
  ])('of type %s keeps its variants, in order', async (type, values) => {
    const variants = values.map((value, n) => ({ key: `v${n}`, value }));
    const key = `new-${type}`;
    const [event] = await flags.eventsBy(async () => {
      expect(await flags.must('createFlag', { key, name: 'N', type, variants })).toMatchObject({
        type,
        variants,
        status: 'ACTIVE',
        version: 1,
      });
    });
    expect((await flags.findFlag(key))?.variants).toEqual(variants);
    expect(event).toMatchObject({ eventType: 'flag.created', newState: { type, variants, status: 'ACTIVE', version: 1 } });
  });

  const v = (key: string, value: unknown) => ({ key, value });
  it.each<[string, string, object[], string[][], RegExp]>([
    [
      'text in a number',
      'NUMBER',
      [v('a', 1), v('b', '2')],
      [['variants', '1', 'value']],
      /'b' must be a number: the flag is of type NUMBER/,
    ],
    [
      'numbers in a boolean',
      'BOOLEAN',
      [v('a', 1), v('b', 0)],
      [
        ['variants', '0', 'value'],
        ['variants', '1', 'value'],
      ],
      /true or false/,
    ],
    ['a list in an object', 'OBJECT', [v('a', [])], [['variants', '0', 'value']], /a JSON object/],
    ['one key twice', 'STRING', [v('a', 'x'), v('a', 'y')], [['variants']], /same key twice/],
    ['an empty key', 'STRING', [v('', 'x')], [['variants', '0', 'key']], /must not be empty/],
    ['101 variants', 'STRING', Array.from({ length: 101 }, (_, n) => v(`${n}`, 'x')), [['variants']], /at most 100 variants/],
    ['more than 64 KiB', 'STRING', [v('a', 'x'.repeat(65_536))], [['variants']], /at most 65536/],
    ['JSON of 51 levels', 'OBJECT', [v('a', {}), v('b', nested(51))], [['variants', '1', 'value']], /at most 50 levels/],
    ['JSON of 2,000 levels', 'OBJECT', [v('a', nested(2000))], [['variants', '0', 'value']], /at most 50 levels/],
  ])('with %s is refused, where it is', async (_what, type, variants, paths, message) => {
    const events = await flags.eventsBy(async () => {
      const refusal = await flags.run('createFlag', { key: 'refused', name: 'N', type, variants });
      expect(refusal).toMatchObject({ code: 'VALIDATION_ERROR', message: expect.stringMatching(message) });
      expect(pathsOf(refusal)).toEqual(paths);
    });
    expect(events).toEqual([]);
    expect(await flags.findFlag('refused')).toBeNull();
  });

  it.each([{ a: 'x\0' }, { 'a\0': 1 }, ['\uD800']])('with %j in a variant is refused before anything reads it', async (value) => {
    const input = { key: 'refused', name: 'N', type: 'OBJECT', variants: [{ key: 'a', value }] };
    const { status, errors } = await flags.tryTo('createFlag', input);
    expect([status, errors?.[0]?.extensions?.code]).toEqual([400, 'BAD_USER_INPUT']);
    expect(errors?.[0]?.message).toMatch(/NUL/);
  });

  it('with JSON as deep as a request is long is refused, too', async () => {
    const levels = 40_000;
    const deep = `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;
    const query = 'mutation ($input: CreateFlagInput!) { createFlag(input: $input) { ... on Error { code message } } }';
    const input = `{"key":"refused","name":"N","type":"OBJECT","variants":[{"key":"a","value":${deep}}]}`;
    const body = `{"query":${JSON.stringify(query)},"variables":{"input":${input}}}`;
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${flags.as}` };
    const response = await fetch(`${flags.service.url}/graphql`, { method: 'POST', headers, body });
    expect(await response.json()).toMatchObject({
      data: { createFlag: { message: expect.stringMatching(/at most 50 levels/) } },
    });
  });

  it('with JSON of 50 levels in a variant is taken, and the log holds all of it', async () => {
    const variants = [{ key: 'deep', value: nested(50) }];
    const [event] = await flags.eventsBy(() => flags.must('createFlag', { key: 'deep', name: 'N', type: 'OBJECT', variants }));
    expect(event?.newState).toMatchObject({ variants });
  });
});

describe('an update of a flag', () => {
  it.each([
    [{ name: 'New' }, ['name'], "name changed from 'Old' to 'New'"],
    [{ description: 'New' }, ['description'], "description changed from 'old' to 'New'"],
    [{ description: '' }, ['description'], "description changed from 'old' to null"],
    [{ tags: ['b', 'c', 'b'] }, ['tags'], 'tags changed from ["a"] to ["b","c"]'],
    [{ tags: [] }, ['tags'], 'tags changed from ["a"] to []'],
    [{ variants: colours.slice(0, 2) }, ["variants['blue']"], 'variants count changed from 3 to 2'],
    [{ variants: colours.toReversed() }, ['variants.order'], 'variants changed'],
    [
      { name: 'New', description: 'New', tags: [], variants: [] },
      ['description', 'name', 'tags', "variants['red']", "variants['green']", "variants['blue']"],
      "description changed from 'old' to 'New'; name changed from 'Old' to 'New'; tags changed from [\"a\"] to []; variants count changed from 3 to 0",
    ],
  ])('%j is one event that lists all of it', async (changes, fields, sentence) => {
    const key = `update-${crypto.randomUUID()}`;
    const before = await flags.must('createFlag', {
      key,
      name: 'Old',
      description: 'old',
      type: 'STRING',
      tags: ['a'],
      variants: colours,
    });
    flags.clock.at = minutesFrom(flags.clock.at, 1);
    let after = {};
    const events = await flags.eventsBy(async () => {
      after = await flags.must('updateFlag', { flagKey: key, ...changes, expectedVersion: 1 });
    });
    expect(after).toMatchObject({ version: 2, updatedAt: flags.clock.at.toISOString() });
    expect(await flags.findFlag(key)).toEqual({ ...after, __typename: undefined });
    expect(events).toMatchObject([
      {
        eventType: 'flag.updated',
        ...byAda,
        resource: { type: 'flag', id: before.id },
        flagKey: key,
        description: `Flag '${key}' was updated: ${sentence}`,
        previousState: { name: 'Old', description: 'old', tags: ['a'], variants: colours, version: 1 },
        metadata: { flagKey: key, ...adminMetadata },
      },
    ]);
    const { id, name, description, type, variants, tags, status, version } = (await flags.findFlag(key)) ?? expect.unreachable();
    expect(events[0]?.newState).toEqual({ id, key, name, description, type, variants, tags, status, version });
    expect(events[0]?.changes.map(({ field }) => field)).toEqual(fields);
  });

  it('that changes nothing stores nothing, records nothing, and counts no version', async () => {
    const same = { name: 'Same', description: '', tags: ['a'], variants: colours };
    await flags.must('createFlag', { key: 'same', type: 'STRING', ...same });
    const before = await flags.findFlag('same');
    flags.clock.at = minutesFrom(flags.clock.at, 1);
    const events = await flags.eventsBy(async () => {
      expect(await flags.must('updateFlag', { flagKey: 'same', ...same, tags: ['a', 'a'] })).toMatchObject({ version: 1 });
    });
    expect(events).toEqual([]);
    expect(await flags.findFlag('same')).toEqual(before);
  });

  it.each<[object, string[][]]>([
    [{}, [[]]],
    [{ name: null, tags: null }, [[]]],
    [{ name: '' }, [['name']]],
    [{ name: 'x'.repeat(256) }, [['name']]],
    [{ tags: ['a', ''] }, [['tags', '1']]],
    [{ variants: [{ key: 'red', value: 1 }] }, [['variants', '0', 'value']]],
    [{ name: 'N', expectedVersion: 0 }, [['expectedVersion']]],
  ])('%j is refused', async (changes, paths) => {
    await flags.run('createFlag', { key: 'not-updated', name: 'N', type: 'STRING', variants: colours });
    expect(pathsOf(await flags.run('updateFlag', { flagKey: 'not-updated', ...changes }))).toEqual(paths);
    expect((await flags.findFlag('not-updated'))?.version).toBe(1);
  });

  it('of a flag that does not exist has an error of its own', async () => {
    expect(await flags.run('updateFlag', { flagKey: 'none', name: 'N' })).toMatchObject({ code: 'FLAG_NOT_FOUND' });
    for (const name of ['archiveFlag', 'deprecateFlag', 'activateFlag']) {
      expect(await flags.run(name, { flagKey: 'none' })).toMatchObject({ code: 'FLAG_NOT_FOUND' });
    }
  });

  it.each([
    [
      'the default variant',
      'updateFlagState',
      { updates: { defaultVariant: 'blue' } },
      "must include 'blue': the default variant in staging needs it",
    ],
    ['a rule', 'addFlagRule', { rule: ruleFor('r', 'blue') }, "must include 'blue': rule 'r' in staging needs it"],
    [
      'an override',
      'addFlagOverride',
      { override: { type: 'USER', targetId: 'u', variant: 'blue' } },
      "must include 'blue': the override of user 'u' in staging needs it",
    ],
    [
      'an experiment',
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
      "must include 'blue': experiment 'e' in staging needs it",
    ],
  ])('cannot take away a variant that %s uses, and says where', async (what, name, input, message) => {
    const flagKey = `used by ${what}`.replaceAll(' ', '-');
    await flags.must('createFlag', { key: flagKey, name: 'N', type: 'STRING', variants: colours });
    await flags.must(name, { flagKey, environment: 'staging', ...input });
    const refusal = await flags.run('updateFlag', { flagKey, variants: colours.slice(0, 2) });
    expect(refusal).toMatchObject({
      code: 'VALIDATION_ERROR',
      issues: [{ path: ['variants'], message }],
    });
    expect((await flags.findFlag(flagKey))?.variants).toEqual(colours);
    // Another value under the same name is no matter of the states.
    const recoloured = colours.map(({ key }) => ({ key, value: 'other' }));
    expect(await flags.must('updateFlag', { flagKey, variants: recoloured })).toMatchObject({ variants: recoloured });
  });

  it('of a version that somebody else has changed is refused, and tells what the flag is now', async () => {
    const created = await flags.must('createFlag', { key: 'conflict', name: 'A' });
    const { __typename, ...current } = await flags.must('updateFlag', { flagKey: 'conflict', name: 'B', expectedVersion: 1 });
    const events = await flags.eventsBy(async () => {
      for (const [name, rest] of Object.entries({
        updateFlag: { name: 'C' },
        archiveFlag: {},
        deprecateFlag: {},
        activateFlag: {},
      })) {
        expect(await flags.run(name, { flagKey: 'conflict', ...rest, expectedVersion: 1 })).toMatchObject({
          __typename: 'FlagVersionConflictError',
          code: 'FLAG_VERSION_CONFLICT',
          expectedVersion: 1,
          current,
        });
      }
    });
    expect(events).toEqual([]);
    expect(await flags.findFlag('conflict')).toMatchObject({ id: created.id, name: 'B', status: 'ACTIVE', version: 2 });
  });
});

describe('the status of a flag', () => {
  it('goes from ACTIVE to DEPRECATED to ARCHIVED and back, with an event each', async () => {
    await flags.must('createFlag', { key: 'life', name: 'N' });
    const steps = [
      ['deprecateFlag', 'DEPRECATED', 'flag.deprecated', 'was deprecated'],
      ['archiveFlag', 'ARCHIVED', 'flag.archived', 'was archived'],
      ['activateFlag', 'ACTIVE', 'flag.activated', 'was made active again'],
      ['archiveFlag', 'ARCHIVED', 'flag.archived', 'was archived'],
      ['activateFlag', 'ACTIVE', 'flag.activated', 'was made active again'],
      ['deprecateFlag', 'DEPRECATED', 'flag.deprecated', 'was deprecated'],
      ['activateFlag', 'ACTIVE', 'flag.activated', 'was made active again'],
    ] as const;
    let previous = 'ACTIVE';
    for (const [n, [name, status, eventType, sentence]] of steps.entries()) {
      const version = n + 2;
      const events = await flags.eventsBy(async () => {
        expect(await flags.must(name, { flagKey: 'life', expectedVersion: version - 1 })).toMatchObject({ status, version });
      });
      expect(events).toMatchObject([
        {
          eventType,
          ...byAda,
          flagKey: 'life',
          description: `Flag 'life' ${sentence} (from ${previous} to ${status})`,
          previousState: { status: previous, version: version - 1 },
          newState: { status, version },
          changes: [{ field: 'status', previousValue: previous, newValue: status }],
          metadata: { flagKey: 'life', ...adminMetadata },
        },
      ]);
      expect(await flags.eventsBy(() => flags.must(name, { flagKey: 'life' })), 'a second time').toEqual([]);
      previous = status;
    }
  });

  it('never goes from ARCHIVED to DEPRECATED', async () => {
    await flags.must('createFlag', { key: 'archived-for-good', name: 'N' });
    await flags.must('archiveFlag', { flagKey: 'archived-for-good' });
    expect(pathsOf(await flags.run('deprecateFlag', { flagKey: 'archived-for-good' }))).toEqual([['status']]);
    const updates = { status: 'DEPRECATED' };
    expect(pathsOf(await flags.run('updateFlagState', { flagKey: 'archived-for-good', updates }))).toEqual([
      ['updates', 'status'],
    ]);
    expect(await flags.findFlag('archived-for-good')).toMatchObject({ status: 'ARCHIVED', version: 2 });
  });
});

describe('an archived flag', () => {
  const flagKey = 'archived';
  beforeAll(async () => {
    await flags.must('createFlag', { key: flagKey, name: 'N', type: 'STRING', variants: colours });
    await flags.must('addFlagRule', { flagKey, rule: ruleFor('there') });
    await flags.must('addFlagOverride', { flagKey, override: { type: 'USER', targetId: 'u', variant: 'red' } });
    await flags.must('archiveFlag', { flagKey });
  });
  const experiment = { key: 'e', variants: colours.map(({ key }) => ({ variant: key, weight: 1 })) };
  const scheduledAt = () => minutesFrom(flags.clock.at, 10).toISOString();

  it.each<[string, () => object]>([
    ['updateFlag', () => ({ name: 'New' })],
    ['updateFlagState', () => ({ updates: { enabled: true } })],
    ['updateFlagState', () => ({ updates: { enabled: true, status: 'ARCHIVED' } })],
    ['addFlagRule', () => ({ rule: ruleFor('new') })],
    ['updateFlagRule', () => ({ rule: ruleFor('there', 'blue') })],
    ['removeFlagRule', () => ({ ruleKey: 'there' })],
    ['addFlagOverride', () => ({ override: { type: 'USER', targetId: 'v', variant: 'red' } })],
    ['removeFlagOverride', () => ({ override: { type: 'USER', targetId: 'u' } })],
    ['startExperiment', () => ({ experiment })],
    ['emergencyOverride', () => ({ updates: { enabled: false }, reason: 'fire' })],
    ['createSchedule', () => ({ scheduledAt: scheduledAt(), updates: { enabled: true } })],
  ])('refuses %s', async (name, input) => {
    const before = [await flags.findFlag(flagKey), await flags.stateOf(flagKey)];
    const events = await flags.eventsBy(async () => {
      expect(await flags.run(name, { flagKey, ...input() })).toMatchObject({
        __typename: 'FlagArchivedError',
        code: 'FLAG_ARCHIVED',
      });
    });
    expect(events).toEqual([]);
    expect([await flags.findFlag(flagKey), await flags.stateOf(flagKey)]).toEqual(before);
  });

  it('comes back with a change of its state, in one event', async () => {
    await flags.must('createFlag', { key: 'back', name: 'N' });
    await flags.must('archiveFlag', { flagKey: 'back' });
    const events = await flags.eventsBy(async () => {
      const updates = { status: 'ACTIVE', enabled: true };
      expect(await flags.must('updateFlagState', { flagKey: 'back', updates })).toMatchObject({ enabled: true, version: 2 });
    });
    expect(events).toMatchObject([
      {
        eventType: 'flag.enabled',
        previousState: { status: 'ARCHIVED', enabled: false },
        newState: { status: 'ACTIVE', enabled: true },
      },
    ]);
    expect(await flags.findFlag('back')).toMatchObject({ status: 'ACTIVE', version: 3 });
  });

  it('comes back by a schedule; other schedules fail until then, and are tried again', async () => {
    const { clock, spine } = flags;
    const at = clock.at;
    await flags.must('createFlag', { key: 'back-later', name: 'N' });
    const early = await addDue(spine, clock, { flagKey: 'back-later', minutesAgo: 3, updates: { rolloutPercentage: 5 } });
    await spine.setFlagStatus(anAdmin(), { flagKey: 'back-later' }, 'ARCHIVED');
    const late = await addDue(spine, clock, {
      flagKey: 'back-later',
      minutesAgo: 2,
      updates: { status: 'ACTIVE', enabled: true },
    });
    clock.at = at;
    const { applied, failed } = await spine.applyDue();
    expect(failed.map(({ schedule }) => schedule)).toMatchObject([
      { id: early.id, status: 'FAILED', errorMessage: expect.stringMatching(/archived/), nextRetryAt: expect.any(Date) },
    ]);
    expect(applied.map(({ schedule }) => schedule.id)).toEqual([late.id]);
    expect(await flags.findFlag('back-later')).toMatchObject({ status: 'ACTIVE', version: 3 });
    expect(await flags.stateOf('back-later')).toMatchObject({ enabled: true, rolloutPercentage: 100 });
  });

  it('may be deleted', async () => {
    await flags.must('createFlag', { key: 'gone', name: 'N' });
    await flags.must('archiveFlag', { flagKey: 'gone' });
    const [event] = await flags.eventsBy(() => flags.must('deleteFlag', { flagKey: 'gone' }));
    expect(event).toMatchObject({ eventType: 'flag.deleted', previousState: { status: 'ARCHIVED' } });
  });
});
