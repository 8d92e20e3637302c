import { FlagdCore } from '@openfeature/flagd-core';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Experiment } from '../../flags/model/experiment.ts';
import { type Flag, newFlag } from '../../flags/model/flag.ts';
import type { FlagOverride } from '../../flags/model/flag-override.ts';
import { type FlagState, newFlagState } from '../../flags/model/flag-state.ts';
import type { FlagType } from '../../flags/model/flag-type.ts';
import type { Variant } from '../../flags/model/variant.ts';
import type { Json } from '../../kernel/json.ts';
import { type FlagdFlag, toFlagdDocument, toFlagdFlag } from './flagd-document.ts';

const now = new Date('2026-11-20T09:00:00Z');
const colours: Variant[] = ['red', 'green', 'blue'].map((key) => ({ key, value: `#${key}` }));

const flagOf = (type: FlagType, variants: Variant[] = []): Flag =>
  newFlag({ key: 'checkout', name: 'Checkout', type, variants }, { id: '1', now });
const boolean = flagOf('BOOLEAN');
const text = flagOf('STRING', colours);

const stateOf = (changes: Partial<FlagState> = {}): FlagState => ({
  ...newFlagState(boolean, 'production', now),
  enabled: true,
  ...changes,
});
const rule = (targeting: NonNullable<Json>) => ({ key: JSON.stringify(targeting), description: null, targeting });
const override = (changes: Partial<FlagOverride>): FlagOverride => ({
  type: 'USER',
  targetId: 'u1',
  variant: 'red',
  expiresAt: null,
  ...changes,
});
const experiment = (weights: Record<string, number>): Experiment => ({
  key: 'colours',
  hypothesis: null,
  variants: Object.entries(weights).map(([variant, weight]) => ({ variant, weight })),
  startedAt: now.toISOString(),
  startedBy: null,
});

const quiet = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {} };
const load = (definition: FlagdFlag) => {
  const flagd = new FlagdCore(undefined, quiet);
  flagd.setConfigurations(JSON.stringify({ flags: { checkout: definition } }));
  return (context: Record<string, Json>): string => {
    const { variant, errorMessage, reason } = flagd.getFlag('checkout')?.evaluate(context as Record<string, string>) ?? {};
    expect(errorMessage).toBeUndefined();
    return variant ?? `${reason}`;
  };
};
/** The variant that flagd gives; DEFAULT where it leaves the value to the application. */
const evaluate = (flag: Flag, state: FlagState, context: Record<string, Json> = { targetingKey: 'u0' }) =>
  load(toFlagdFlag(flag, state))(context);

const people = Array.from({ length: 1000 }, (_, index) => `person-${index}`);
const shareOf = (variant: string, flag: Flag, state: FlagState, among = people): number => {
  const give = load(toFlagdFlag(flag, state));
  return among.filter((targetingKey) => give({ targetingKey }) === variant).length / among.length;
};

describe('a state in flagd’s format', () => {
  it('is plain where nothing but the default variant can be served', () => {
    expect(toFlagdFlag(boolean, stateOf())).toEqual({
      state: 'ENABLED',
      variants: { on: true, off: false },
      defaultVariant: 'on',
      metadata: { name: 'Checkout', version: 1 },
    });
    expect(toFlagdFlag(text, stateOf())).toMatchObject({ variants: { red: '#red' }, defaultVariant: null });
    expect(toFlagdFlag(text, stateOf({ defaultVariant: 'green' }))).toMatchObject({ defaultVariant: 'green' });
    expect(toFlagdFlag(text, stateOf({ defaultVariant: 'green' }))).not.toHaveProperty('targeting');
  });

  it('is a plain fractional where only the rollout is partial', () => {
    expect(toFlagdFlag(boolean, stateOf({ rolloutPercentage: 25 }))).toMatchObject({
      defaultVariant: 'off',
      targeting: {
        fractional: [
          ['on', 25],
          ['off', 75],
        ],
      },
    });
    const nobody = toFlagdFlag(boolean, stateOf({ rolloutPercentage: 0 }));
    expect(nobody).toMatchObject({ defaultVariant: 'off' });
    expect(nobody).not.toHaveProperty('targeting');
  });

  it('is DISABLED, and keeps its rules, where the state is disabled or the flag archived', () => {
    const state = stateOf({ rules: [rule({ var: 'plan' })] });
    for (const disabled of [
      toFlagdFlag(boolean, { ...state, enabled: false }),
      toFlagdFlag({ ...boolean, status: 'ARCHIVED' }, state),
    ]) {
      expect(disabled).toMatchObject({ state: 'DISABLED', targeting: { var: 'plan' } });
    }
    expect(toFlagdFlag({ ...boolean, status: 'DEPRECATED' }, state)).toMatchObject({ state: 'ENABLED' });
  });

  it('takes the variant that is true for the default of a boolean flag, whatever it is called', () => {
    const flag = flagOf('BOOLEAN', [
      { key: 'no', value: false },
      { key: 'yes', value: true },
    ]);
    expect(evaluate(flag, stateOf())).toBe('yes');
    expect(evaluate(flag, stateOf({ rolloutPercentage: 0 }))).toBe('no');
    expect(evaluate(flagOf('BOOLEAN', [{ key: 'no', value: false }]), stateOf({ rolloutPercentage: 50 }))).toMatch(
      /^(no|DEFAULT)$/,
    );
  });
});

describe('who gets what', () => {
  const sam = { targetingKey: 'u1', groups: ['beta', 'staff'] };
  const always = (variant: string) => rule({ if: [true, variant] });

  it.each<[string, Partial<FlagState>, string]>([
    ['an override beats every rule', { overrides: [override({})], rules: [always('blue')] }, 'red'],
    [
      'an override of a group, too',
      { overrides: [override({ type: 'GROUP', targetId: 'staff' })], rules: [always('blue')] },
      'red',
    ],
    [
      'an override of a user beats one of a group that was there before',
      { overrides: [override({ type: 'GROUP', targetId: 'beta', variant: 'blue' }), override({})] },
      'red',
    ],
    ['an override of somebody else does nothing', { overrides: [override({ targetId: 'u2' })] }, 'green'],
    ['an override of a group of others does nothing', { overrides: [override({ type: 'GROUP', targetId: 'u1' })] }, 'green'],
    ['the first rule that decides wins', { rules: [rule({ if: [false, 'blue'] }), always('red'), always('blue')] }, 'red'],
    ['a rule without an expression decides nothing', { rules: [rule({ if: [false, 'blue'] }), rule({})] }, 'green'],
    ['a rule decides for those outside of the rollout', { rolloutPercentage: 0, rules: [always('red')] }, 'red'],
    [
      'a rule keeps people out of an experiment',
      { rules: [always('red')], experiment: experiment({ green: 1, blue: 1 }) },
      'red',
    ],
    ['without a rule that decides, the default', { rules: [rule({ if: [false, 'blue'] })] }, 'green'],
    ['those outside of the rollout leave it to the application', { rolloutPercentage: 0 }, 'DEFAULT'],
  ])('%s', (_what, state, expected) => {
    expect(evaluate(text, stateOf({ defaultVariant: 'green', ...state }), sam)).toBe(expected);
  });

  it('a rule that gives false means the variant of that name, and does not ask the next rule', () => {
    const flag = flagOf('BOOLEAN', [
      { key: 'true', value: true },
      { key: 'false', value: false },
    ]);
    const inBeta = rule({ in: ['beta', { var: 'groups' }] });
    const state = stateOf({ rules: [rule({ if: [{ var: 'skip' }, null, inBeta.targeting] }), always('true')] });
    expect(evaluate(flag, state, { groups: ['beta'] })).toBe('true');
    expect(evaluate(flag, state, { groups: [] })).toBe('false');
    expect(evaluate(flag, state, { groups: [], skip: true })).toBe('true');
  });

  it('who has no targeting key is outside of a partial rollout, and in no experiment', () => {
    expect(evaluate(boolean, stateOf({ rolloutPercentage: 99 }), {})).toBe('off');
    const state = stateOf({ defaultVariant: 'red', experiment: experiment({ green: 1, blue: 1 }) });
    expect(evaluate(text, state, {})).toBe('red');
    expect(evaluate(text, { ...state, rolloutPercentage: 99 }, {})).toBe('DEFAULT');
  });
});

describe('an override with an expiry', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
  afterEach(() => void vi.useRealTimers());

  it('counts until then', () => {
    const state = stateOf({ defaultVariant: 'green', overrides: [override({ expiresAt: '2026-11-20T10:00:00.000Z' })] });
    const give = load(toFlagdFlag(text, state));
    for (const [at, variant] of [
      ['2026-11-20T09:00:00Z', 'red'],
      ['2026-11-20T09:59:59Z', 'red'],
      ['2026-11-20T10:00:00Z', 'green'],
      ['2026-11-21T00:00:00Z', 'green'],
    ] as const) {
      vi.setSystemTime(at);
      expect(give({ targetingKey: 'u1' }), at).toBe(variant);
    }
  });
});

describe('shares', () => {
  it.each([1, 10, 50, 90, 99])('a rollout of %i percent reaches about so many', (rolloutPercentage) => {
    const share = shareOf('on', boolean, stateOf({ rolloutPercentage }));
    expect(share).toBeGreaterThan(rolloutPercentage / 100 - 0.05);
    expect(share).toBeLessThan(rolloutPercentage / 100 + 0.05);
  });

  it('a rollout of a flag that is not boolean leaves the others to the application', () => {
    const state = stateOf({ defaultVariant: 'green', rolloutPercentage: 30 });
    expect(shareOf('green', text, state) + shareOf('DEFAULT', text, state)).toBe(1);
    expect(shareOf('green', text, state)).toBeCloseTo(0.3, 1);
  });

  it('of two flags, a rollout reaches different people', () => {
    const definition = toFlagdFlag(boolean, stateOf({ rolloutPercentage: 50 }));
    const flagd = new FlagdCore(undefined, quiet);
    flagd.setConfigurations(JSON.stringify({ flags: { a: definition, b: definition } }));
    const both = people.filter((targetingKey) =>
      ['a', 'b'].every((key) => flagd.resolveBooleanEvaluation(key, false, { targetingKey }).value),
    );
    expect(both.length / people.length).toBeCloseTo(0.25, 1);
  });

  it('an experiment follows its weights, all over the rollout', () => {
    const state = stateOf({ defaultVariant: 'red', rolloutPercentage: 50, experiment: experiment({ green: 3, blue: 1 }) });
    expect(shareOf('green', text, state)).toBeCloseTo(0.375, 1);
    expect(shareOf('blue', text, state)).toBeCloseTo(0.125, 1);
    expect(shareOf('DEFAULT', text, state)).toBeCloseTo(0.5, 1);
    expect(shareOf('red', text, state)).toBe(0);
  });

  it('another experiment divides people anew', () => {
    const first = stateOf({ experiment: experiment({ green: 1, blue: 1 }) });
    const give = load(toFlagdFlag(text, first));
    const green = people.filter((targetingKey) => give({ targetingKey }) === 'green');
    const second = stateOf({ experiment: { ...experiment({ green: 1, blue: 1 }), key: 'again' } });
    expect(shareOf('green', text, second, green)).toBeCloseTo(0.5, 1);
  });

  it('raising a rollout keeps everybody who is in, with or without an experiment', () => {
    fc.assert(
      fc.property(
        fc.nat(100),
        fc.nat(100),
        fc.constantFrom(null, experiment({ green: 1, blue: 2 })),
        fc.array(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 20 }),
        (a, b, running, keys) => {
          const at = (rolloutPercentage: number) =>
            load(toFlagdFlag(text, stateOf({ defaultVariant: 'red', rolloutPercentage, experiment: running })));
          const [before, after] = [at(Math.min(a, b)), at(Math.max(a, b))];
          for (const targetingKey of keys) {
            const variant = before({ targetingKey });
            if (variant !== 'DEFAULT') expect(after({ targetingKey })).toBe(variant);
          }
        },
      ),
      { numRuns: 100 },
    );
  });
});

it('whatever a state holds, flagd gives what a plain reading of it gives', () => {
  const variant = fc.constantFrom('red', 'green', 'blue');
  const rules = fc.array(
    fc.oneof(
      fc.tuple(fc.constantFrom('a', 'b'), variant).map(([plan, result]) => ({ plan, result })),
      fc.constant({ plan: 'none', result: 'red' }),
    ),
    { maxLength: 4 },
  );
  const overrides = fc.array(
    fc.record({
      type: fc.constantFrom('USER' as const, 'GROUP' as const),
      targetId: fc.constantFrom('u1', 'u2', 'beta'),
      variant,
    }),
    { maxLength: 4 },
  );
  const context = fc.record({
    targetingKey: fc.constantFrom('u1', 'u2', 'u3'),
    groups: fc.subarray(['beta', 'u2']),
    plan: fc.constantFrom('a', 'b', 'c'),
  });
  fc.assert(
    fc.property(
      overrides,
      rules,
      fc.option(variant),
      fc.constantFrom(0, 100),
      context,
      (held, written, defaultVariant, rollout, who) => {
        const expected =
          held.find(({ type, targetId }) => type === 'USER' && targetId === who.targetingKey)?.variant ??
          held.find(({ type, targetId }) => type === 'GROUP' && who.groups.includes(targetId))?.variant ??
          written.find(({ plan }) => plan === who.plan)?.result ??
          (rollout === 100 ? defaultVariant : null) ??
          'DEFAULT';
        const state = stateOf({
          defaultVariant,
          rolloutPercentage: rollout,
          overrides: held.map((one) => ({ ...one, expiresAt: null })),
          rules: written.map(({ plan, result }) => rule({ if: [{ '===': [{ var: 'plan' }, plan] }, result, null] })),
        });
        expect(evaluate(text, state, who)).toBe(expected);
      },
    ),
    { numRuns: 300 },
  );
});

describe('a document of one environment', () => {
  it('has every flag that flagd can have, and says why another is left out', () => {
    const { $schema, flags, omitted } = toFlagdDocument([
      { flag: boolean, state: stateOf() },
      { flag: { ...flagOf('NUMBER'), key: 'limit' }, state: stateOf() },
      { flag: { ...boolean, key: 'old' }, state: stateOf({ defaultVariant: 'maybe' }) },
      { flag: { ...flagOf('STRING', [{ key: 'a\nb', value: 'x' }]), key: 'broken' }, state: stateOf() },
    ]);
    expect($schema).toBe('https://flagd.dev/schema/v0/flags.json');
    expect(Object.keys(flags)).toEqual(['checkout']);
    expect(omitted).toEqual([
      { flagKey: 'limit', reason: 'it has no variants yet' },
      { flagKey: 'old', reason: "its default variant 'maybe' is not one of its variants: on, off" },
      { flagKey: 'broken', reason: 'the key of its variant "a\\nb" has a line break' },
    ]);
  });
});
