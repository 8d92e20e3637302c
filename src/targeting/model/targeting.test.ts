import { FlagdCore } from '@openfeature/flagd-core';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Json } from '../../kernel/json.ts';
import { findTargetingIssues } from './targeting.ts';

const said = (['log', 'debug', 'info', 'warn', 'error'] as const).map((method) => ({ method, calls: [] as unknown[] }));
beforeAll(() => {
  for (const { method, calls } of said) vi.spyOn(console, method).mockImplementation((...words) => void calls.push(words));
});
afterAll(() => {
  vi.restoreAllMocks();
});

const variants = ['on', 'off', '7'];
const when = (condition: Json): Json => ({ if: [condition, 'on', null] });
const email = { var: 'email' };
const many = (count: number, value: Json = 1): Json[] => Array.from({ length: count }, () => value);

describe('targeting that flagd can evaluate', () => {
  it.each<[string, Json]>([
    ['nothing', {}],
    ['a result out of the context', { var: 'plan' }],
    ['a result out of the context, or a variant', { var: ['plan', 'off'] }],
    ['a path of several steps', when({ '===': [{ var: 'user.address.country' }, 'CH'] })],
    ["flagd's own properties", when({ '>': [{ var: '$flagd.timestamp' }, 1_700_000_000] })],
    ['starts_with and ends_with', when({ or: [{ starts_with: [email, 'a'] }, { ends_with: [email, '@example.com'] }] })],
    ['sem_ver', when({ sem_ver: [{ var: 'version' }, '>=', '1.0.0-beta.2'] })],
    ['if without an else', { if: [{ ends_with: [email, '@example.com'] }, 'on'] }],
    ['if with several conditions', { if: [{ '!': [email] }, 'off', { in: ['x', email] }, 'on', '7'] }],
    ['if inside of if', { if: [{ '!!': [email] }, { if: [{ in: ['x', email] }, 'on', 'off'] }, null] }],
    [
      'fractional by the targeting key',
      {
        fractional: [
          ['on', 1],
          ['off', 3],
        ],
      },
    ],
    ['fractional by something else', { fractional: [{ cat: [{ var: '$flagd.flagKey' }, email] }, ['on', 50], ['off', 50]] }],
    ['fractional without weights', { fractional: [['on'], ['off'], [null]] }],
    ['fractional with computed buckets', { fractional: [[{ if: [email, 'on', 'off'] }, { '-': [3, 1] }], ['off']] }],
    ['a number that names a variant', { if: [email, 7, null] }],
    ['a variant, or what comes next', { or: [{ if: [{ in: ['x', email] }, 'on'] }, null] }],
    ['arithmetic', when({ '<': [0, { '%': [{ '+': [{ '*': [{ var: 'n' }, 2] }, 3] }, 10] }, 5] })],
    ['iterations', when({ some: [{ var: 'groups' }, { in: [{ var: '' }, ['a', 'b']] }] })],
    ['reduce', when({ '>': [{ reduce: [[1, 2], { '+': [{ var: 'current' }, { var: 'accumulator' }] }, 0] }, 2] })],
    [
      'a long list that each of the groups is looked up in',
      when({ some: [{ var: 'groups' }, { in: [{ var: '' }, many(150, 'twelve chars')] }] }),
    ],
    ['a long list that one value is looked up in', when({ in: [email, many(1800, 'x')] })],
    ['what is missing', when({ '!': [{ missing: ['email', 'plan'] }] })],
  ])('is taken: %s', (_what, targeting) => {
    expect(findTargetingIssues(targeting, variants)).toEqual([]);
  });
});

describe('targeting that flagd cannot evaluate is refused, with the place, the value and what is allowed:', () => {
  it.each<[string, Json, string, string]>([
    ['a bare variant', 'on', '', 'is "on": must be object'],
    ['null', null, '', 'is null: must be object'],
    ['a list', ['on'], '', 'is ["on"]: must be object'],
    ['an unknown operator', { matches: [email, 'x'] }, '', 'has the operator "matches", which flagd does not support'],
    [
      'one deep inside',
      { if: [email, { if: [{ log: [1] }, 'on', null] }, null] },
      'if.1.if.0',
      'has the operator "log", which flagd does not support',
    ],
    ['an inherited name as operator', { toString: [1] }, '', 'has the operator "toString"'],
    ['two operators', { '==': [1, 1], '!=': [1, 2] }, '', 'has the operators == and !=: only one is allowed'],
    ['an object without an operator', { if: [email, {}, null] }, 'if.1', 'is {}: must have an operator'],
    ['a reference', when({ $ref: 'isBeta' }), 'if.0.$ref', 'rules have no $evaluators'],
    ['too few operands', when({ starts_with: [email] }), 'if.0.starts_with', 'must NOT have fewer than 2 items'],
    ['too many operands', when({ '<': [1, 2, 3, 4] }), 'if.0.<', 'must NOT have more than 3 items'],
    ['starts_with a number', when({ starts_with: [email, 3] }), 'if.0.starts_with.1', 'is 3: must be string'],
    ['ends_with a list', when({ ends_with: [['a'], 'x'] }), 'if.0.ends_with.0', 'is ["a"]: must be string'],
    [
      'a wrong sem_ver operator',
      when({ sem_ver: [email, '=>', '1.0.0'] }),
      'if.0.sem_ver.1',
      'must be one of = != > < >= <= ~ ^',
    ],
    [
      'a wrong version',
      when({ sem_ver: [email, '=', '1.x'] }),
      'if.0.sem_ver.2',
      'is "1.x": must be a semantic version like 1.2.3',
    ],
    ['an unknown property of flagd', when({ var: '$flagd.env' }), 'if.0.var', '$flagd.timestamp or $flagd.flagKey'],
    [
      'a fraction as weight',
      {
        fractional: [
          ['on', 0.5],
          ['off', 1],
        ],
      },
      'fractional.0.1',
      'is 0.5: must be integer',
    ],
    [
      'a negative weight',
      {
        fractional: [
          ['on', 1],
          ['off', -1],
        ],
      },
      'fractional.1.1',
      'is -1: must be >= 0',
    ],
    ['fractional by a constant', { fractional: ['seed', ['on', 1], ['off', 1]] }, 'fractional.0', 'is "seed": must be object'],
    ['fractional without buckets', { fractional: [] }, 'fractional', 'must NOT have fewer than 1 items'],
    [
      'an unknown variant',
      { if: [email, 'maybe', null] },
      'if.1',
      'gives "maybe", which is not a variant of the flag: allowed are on, off, 7',
    ],
    ['an unknown variant as else', { if: [email, 'on', 'maybe'] }, 'if.2', 'gives "maybe"'],
    [
      'an unknown variant in a bucket',
      {
        fractional: [
          ['on', 1],
          ['maybe', 1],
        ],
      },
      'fractional.1.0',
      'gives "maybe"',
    ],
    ['an unknown variant as default of var', { var: ['plan', 'maybe'] }, 'var.1', 'gives "maybe"'],
    ['an unknown variant of or', { or: [email, 'maybe'] }, 'or.1', 'gives "maybe"'],
    ['a bare condition', { in: ['x', email] }, '', 'gives true, which is not a variant of the flag'],
    [
      'and, which may give false',
      { and: [{ in: ['x', email] }, 'on'] },
      'and.0',
      'write a condition as {"if": [condition, variant, null]}',
    ],
    ['a number that names no variant', { if: [email, 8, null] }, 'if.1', 'gives 8'],
    ['a list as result', { if: [email, ['on'], null] }, 'if.1', 'gives a list'],
    ['missing keys as result', { missing: ['email'] }, '', 'gives a list'],
    [
      'sums of text',
      when({ '+': ['a', 1] }),
      '',
      'makes flagd fail in the context {}: a value has a type that its operator does not accept',
    ],
    [
      'text that may be absent',
      when({ '===': [{ substr: [email, 0, 1] }, 'a'] }),
      '',
      'in the context {}: Cannot read properties of null',
    ],
    ['what fails for whoever is known', when({ '==': [email, 5] }), '', 'in the context {"targetingKey":"user-1"'],
    ['iterations in iterations', when({ some: [[1], { all: [[1], true] }] }), 'if.0.some.1.all', 'iterations cannot be nested'],
    [
      'reduce that grows',
      when({ reduce: [[1], { cat: [{ var: 'accumulator' }, 'x'] }, ''] }),
      'if.0.reduce.1.cat',
      'grow without end',
    ],
    [
      'iterations that look out of themselves',
      when({ some: [many(500), { '==': [{ cat: [{ var: '../' }] }, 'x'] }] }),
      'if.0.some.1.==.0.cat.0.var',
      'must be a literal path within the item, without ../',
    ],
    ...['../x', '../../x', ['../x'], ['../x', 'else']].map((path): [string, Json, string, string] => [
      `iterations of a few items that look out of themselves by ${JSON.stringify(path)}`,
      when({ some: [{ var: 'groups' }, { in: ['x', { var: path }] }] }),
      'if.0.some.1.in.1.var',
      'must be a literal path within the item, without ../',
    ]),
    [
      'iterations with computed paths',
      when({ some: [many(2), { var: [{ cat: ['..', '/'] }] }] }),
      'if.0.some.1.var',
      'must be a literal path within the item',
    ],
    [
      'too many values',
      when({ in: [email, many(2000)] }),
      '',
      'has 2009 values, in lists and operators: at most 2000 are allowed',
    ],
    [
      'iterations of many items with much for each',
      when({ '==': [{ map: [many(100), { cat: many(100) }] }, 'q'] }),
      '',
      'has iterations of 10302 steps (items × values for each, an unknown list as 20 items): at most 10000 are allowed',
    ],
    ['long texts in them', when({ '==': [{ map: [['x'.repeat(999)], many(9, { var: '' })] }, 'q'] }), '', 'of 19019 steps'],
    ['iterations over a long text', when({ some: ['x'.repeat(3000), { '==': [1, 2] }] }), '', 'of 12004 steps'],
    [
      'reductions that begin with a long list',
      when({ in: [1, { reduce: [many(9), { if: [true, { var: 'accumulator' }, null] }, many(1800)] }] }),
      '',
      'of 10866 steps',
    ],
    [
      'many iterations that are too much together',
      when({ or: many(55, { some: [{ var: 'groups' }, { in: [{ var: '' }, ['a', 'b']] }] }) }),
      '',
      'has iterations of 10780 steps',
    ],
    ['too much', { cat: ['é'.repeat(9000)] }, '', 'has 18012 bytes as JSON: at most 16384 are allowed'],
  ])('%s', (_what, targeting, path, message) => {
    expect(findTargetingIssues(targeting, variants)).toEqual([
      { path: path === '' ? [] : path.split('.'), message: expect.stringContaining(message) },
      ...(message.startsWith('gives true') ? [expect.anything()] : []),
    ]);
  });

  it('nesting that would exhaust the stack of whatever recurs', () => {
    const nest = (levels: number): Json => (levels === 0 ? 'on' : { if: [true, nest(levels - 1)] });
    expect(findTargetingIssues(nest(25), variants)).toEqual([]);
    const deep = Array.from({ length: 100_000 }).reduce<Json>((inner) => ({ if: [true, inner] }), 'on');
    for (const tooDeep of [nest(26), deep]) {
      expect(findTargetingIssues(tooDeep, variants)).toEqual([{ path: [], message: 'must be nested at most 50 levels deep' }]);
    }
  });

  it('at once, where its evaluation would take seconds', () => {
    const slow = when({ '==': [{ cat: [{ map: [many(4000), { cat: [{ var: '' }, ...many(3998)] }] }] }, 'q'] });
    expect(findTargetingIssues(slow, variants)).toEqual([{ path: [], message: expect.stringMatching(/at most 2000/) }]);
  });

  it('up to 20 unknown variants', () => {
    expect(findTargetingIssues({ if: many(101, 'maybe') }, variants)).toHaveLength(20);
  });

  it('every unknown variant at once', () => {
    const issues = findTargetingIssues(
      {
        if: [
          email,
          'yes',
          {
            fractional: [
              ['no', 1],
              ['on', 1],
            ],
          },
        ],
      },
      variants,
    );
    expect(issues.map(({ path }) => path.join('.'))).toEqual(['if.1', 'if.2.fractional.0.0']);
  });

  it('nothing of it on the console', () => {
    expect(said.flatMap(({ calls }) => calls)).toEqual([]);
  });
});

it('true and false are the variants of those names', () => {
  expect(findTargetingIssues({ in: ['x', email] }, ['true', 'false'])).toEqual([]);
  expect(findTargetingIssues({ and: [{ in: ['x', email] }, 'on'] }, ['on', 'false'])).toEqual([]);
});

const condition: fc.Arbitrary<Json> = fc.letrec<{ condition: Json }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.constantFrom<Json>(
      { '===': [email, 'a@example.com'] },
      { '==': [email, null] },
      { ends_with: [email, '@example.com'] },
      { in: ['beta', { var: 'groups' }] },
      { '>=': [{ var: 'age' }, 18] },
      { sem_ver: [{ var: 'version' }, '^', '2.0.0'] },
      { some: [{ var: 'groups' }, { '!==': [{ var: '' }, 'beta'] }] },
    ),
    fc
      .tuple(fc.constantFrom('and', 'or'), fc.array(tie('condition'), { minLength: 1, maxLength: 3 }))
      .map(([op, all]) => ({ [op]: all })),
    tie('condition').map((inner) => ({ '!': [inner] })),
  ),
})).condition;

const targeting: fc.Arbitrary<Json> = fc
  .letrec<{ result: Json; bucket: Json }>((tie) => ({
    result: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      fc.constantFrom<Json>('on', 'off', 'true', null, null, true, 7),
      condition,
      fc.tuple(condition, tie('result'), tie('result')).map((args) => ({ if: args })),
      fc.tuple(condition, tie('result')).map((args) => ({ if: args })),
      fc
        .tuple(fc.constantFrom('and', 'or'), fc.array(tie('result'), { minLength: 1, maxLength: 3 }))
        .map(([op, all]) => ({ [op]: all })),
      fc.array(tie('bucket'), { minLength: 1, maxLength: 4 }).map((buckets) => ({ fractional: buckets })),
    ),
    bucket: fc.tuple(tie('result'), fc.nat(100)).map((bucket) => bucket),
  }))
  .result.filter((value) => typeof value === 'object' && value !== null);

const context = fc.record(
  {
    targetingKey: fc.string(),
    email: fc.constantFrom('a@example.com', 'b@other.org', ''),
    age: fc.integer({ min: 0, max: 99 }),
    groups: fc.subarray(['beta', 'staff', '']),
    version: fc.constantFrom('1.2.3', '2.0.0', '2', 'x'),
  },
  { requiredKeys: [] },
);

it('whatever passes, flagd evaluates to one of the variants or to the default, compiled and interpreted', () => {
  const quiet = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {} };
  let taken = 0;
  fc.assert(
    fc.property(targeting, fc.constantFrom(['on', 'off'], ['on', 'off', 'true', 'false', '7']), context, (rule, keys, about) => {
      if (findTargetingIssues(rule, keys).length > 0) return;
      taken++;
      const flag = {
        state: 'ENABLED',
        variants: Object.fromEntries(keys.map((key) => [key, `value of ${key}`])),
        defaultVariant: 'off',
        targeting: rule,
      };
      const results = [false, true].map((disableDynamicCodeGeneration) => {
        const flagd = new FlagdCore(undefined, quiet, { disableDynamicCodeGeneration });
        flagd.setConfigurations(JSON.stringify({ flags: { flag } }));
        return flagd.resolveStringEvaluation('flag', 'none', about);
      });
      expect(results[0]?.errorMessage).toBeUndefined();
      expect(keys.map((key) => `value of ${key}`)).toContain(results[0]?.value);
      expect(results[1]).toEqual(results[0]);
    }),
    { numRuns: 500 },
  );
  expect(taken).toBeGreaterThan(50);
});
