import fc from 'fast-check';
import { flagStatuses } from '../../src/flags/model/flag-status.ts';
import type { FlagUpdates } from '../../src/flags/model/flag-updates.ts';
import type { FlagRule } from '../../src/targeting/model/flag-rule.ts';
import type { EnvironmentKey } from './model.ts';

export const flagKeys = ['a', 'b'];
const rule = { key: 'r', description: null, targeting: { if: [{ '==': [{ var: 'plan' }, 'pro'] }, 'on', null] } };

// Most of it happens in one place: that is where schedules meet.
const flagKey = fc.constantFrom<string[]>('a', 'a', 'a', 'b');
const environment = fc.constantFrom<EnvironmentKey[]>('production', 'production', 'production', 'staging');
/** What is in the way passes sooner than it comes. */
const mostly = (usual: boolean) => fc.constantFrom(usual, usual, !usual);
const updates: fc.Arbitrary<FlagUpdates> = fc
  .record(
    {
      enabled: fc.boolean(),
      rolloutPercentage: fc.constantFrom(0, 25, 100),
      rules: fc.boolean().map((has): FlagRule[] => (has ? [rule] : [])),
      status: fc.constantFrom(...flagStatuses),
    },
    { requiredKeys: [] },
  )
  .filter((some) => Object.keys(some).length > 0);
/** Which of the schedules that there are, whatever their number. */
const which = fc.nat({ max: 50 });

const action = fc.oneof(
  {
    weight: 16,
    arbitrary: fc.record({
      do: fc.constant('create'),
      flagKey,
      environment,
      minutes: fc.integer({ min: 1, max: 5 }),
      updates,
      maxRetries: fc.integer({ min: 0, max: 3 }),
      keyed: fc.boolean(),
    }),
  },
  {
    weight: 14,
    arbitrary: fc.record({ do: fc.constant('pass time'), minutes: fc.integer({ min: 0, max: 4 }), tick: mostly(true) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cancel'), which }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('create again'), which, same: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('set status'), flagKey, status: fc.constantFrom(...flagStatuses) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('set state'), flagKey, environment, updates }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('override'), flagKey, environment, enabled: fc.boolean() }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('lift'), flagKey, environment }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('switch environment'), environment, enabled: mostly(true) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('poison'), flagKey, poisoned: mostly(false) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete flag'), flagKey }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('create flag'), flagKey }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart') }) },
);
/** One thing that happens. */
export type Action = typeof action extends fc.Arbitrary<infer Value> ? Value : never;

/** What chance brings about too rarely: a change that fails, one after it that does not, and the retry of the first. */
const overtaken = fc
  .record({ flagKey, places: fc.tuple(environment, environment), changes: fc.tuple(updates, updates), wait: fc.boolean() })
  .map(({ flagKey, places, changes, wait }): Action[] => {
    const create = (which: 0 | 1): Action => ({
      do: 'create',
      flagKey,
      environment: places[which],
      minutes: 1,
      updates: changes[which],
      maxRetries: 3,
      keyed: false,
    });
    const next = (minutes: number): Action => ({ do: 'pass time', minutes, tick: true });
    const poison = (poisoned: boolean): Action => ({ do: 'poison', flagKey, poisoned });
    return [poison(true), create(0), next(1), poison(false), create(1), next(1), ...(wait ? [next(1)] : [])];
  });
/** And: a change that fails, somebody who decides otherwise, and the retry. */
const decided = fc
  .record({ flagKey, environment, changes: fc.tuple(updates, updates), emergency: fc.boolean(), enabled: fc.boolean() })
  .map(({ flagKey, environment, changes, emergency, enabled }): Action[] => {
    const create: Action = { do: 'create', flagKey, environment, minutes: 1, updates: changes[0], maxRetries: 3, keyed: false };
    const byHand: Action[] = emergency
      ? [
          { do: 'override', flagKey, environment, enabled },
          { do: 'lift', flagKey, environment },
        ]
      : [{ do: 'set state', flagKey, environment, updates: changes[1] }];
    const next = (minutes: number): Action => ({ do: 'pass time', minutes, tick: true });
    const poison = (poisoned: boolean): Action => ({ do: 'poison', flagKey, poisoned });
    return [poison(true), create, next(1), poison(false), ...byHand, next(2)];
  });

/** What happens, in order. */
export const story = fc
  .array(
    fc.oneof(
      { weight: 20, arbitrary: action.map((one): Action[] => [one]) },
      { weight: 1, arbitrary: overtaken },
      { weight: 1, arbitrary: decided },
    ),
    {
      minLength: 20,
      maxLength: 45,
      size: 'max',
    },
  )
  .map((parts) => parts.flat());
