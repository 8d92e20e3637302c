import { FlagdCore } from '@openfeature/flagd-core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../../kernel/json.ts';
import { toFlagdFlag } from './flagd-document.ts';
import { fromFlagdDocument, type ImportedFlag } from './flagd-import.ts';

const onOff = { on: true, off: false };
const flag = (changes: JsonObject = {}): JsonObject => ({ state: 'ENABLED', variants: onOff, defaultVariant: 'off', ...changes });
const read = (flags: JsonObject, $evaluators?: JsonObject) => fromFlagdDocument({ flags, ...($evaluators && { $evaluators }) });
const inBeta = { in: ['beta', { var: 'groups' }] };

describe('a flagd document becomes flags', () => {
  it('with one rule that has its targeting, and what its metadata says of them', () => {
    const targeting = { if: [inBeta, 'on', null] };
    const metadata = { name: 'New checkout', description: 'Whole new', tags: 'shop, web', owner: 'team-a', priority: 3 };
    expect(read({ checkout: flag({ targeting, metadata }), plain: flag({ state: 'DISABLED', targeting: {} }) })).toEqual({
      issues: [],
      flags: [
        {
          key: 'checkout',
          name: 'New checkout',
          description: 'Whole new',
          type: 'BOOLEAN',
          variants: [
            { key: 'on', value: true },
            { key: 'off', value: false },
          ],
          tags: ['shop', 'web'],
          state: {
            enabled: true,
            rolloutPercentage: 100,
            defaultVariant: 'off',
            rules: [{ key: 'imported', description: null, targeting }],
          },
        },
        expect.objectContaining({
          key: 'plain',
          name: 'plain',
          description: null,
          tags: [],
          state: { enabled: false, rolloutPercentage: 100, defaultVariant: 'off', rules: [] },
        }),
      ],
    });
  });

  it.each<[string, JsonObject]>([
    ['BOOLEAN', { a: true, b: false }],
    ['STRING', { a: 'x', b: '' }],
    ['NUMBER', { a: 1, b: 0.5 }],
    ['OBJECT', { a: {}, b: { list: [null] } }],
  ])('of the type that its variants have: %s', (type, variants) => {
    expect(read({ x: flag({ variants, defaultVariant: 'a' }) })).toMatchObject({ issues: [], flags: [{ type }] });
  });

  it('with its references to shared rules written out, and theirs', () => {
    const emailIs: Json = { ends_with: [{ var: 'email' }, '@example.com'] };
    const evaluators: JsonObject = { beta: inBeta, staff: { and: [{ $ref: 'beta' }, emailIs] } };
    const { flags } = read(
      { x: flag({ targeting: { if: [{ $ref: 'staff' }, 'on', { if: [{ $ref: 'beta' }, 'off'] }] } }) },
      evaluators,
    );
    expect(flags[0]?.state.rules[0]?.targeting).toEqual({
      if: [{ and: [inBeta, emailIs] }, 'on', { if: [inBeta, 'off'] }],
    });
  });

  it('without a default where the application has its own, except for a boolean flag', () => {
    const text = { variants: { a: 'x' } };
    for (const defaultVariant of [null, '']) {
      expect(read({ x: flag({ ...text, defaultVariant }) }).flags[0]?.state.defaultVariant).toBeNull();
    }
    expect(read({ x: { state: 'ENABLED', ...text } }).flags[0]?.state.defaultVariant).toBeNull();
  });
});

describe('a flagd document is refused as a whole, with the place and the reason:', () => {
  it.each<[string, Json, string, string]>([
    ['no object', [], '', 'must be an object with flags'],
    ['no flags', {}, 'flags', 'must be an object with a flag under each key'],
    ['a list of flags', { flags: [flag()] }, 'flags', 'must be an object with a flag under each key'],
    ['a flag that is none', { flags: { x: true } }, 'flags.x', 'must be an object'],
    ['an unknown state', { flags: { x: flag({ state: 'ON' }) } }, 'flags.x.state', 'must be ENABLED or DISABLED'],
    [
      'no variants',
      { flags: { x: { state: 'ENABLED' } } },
      'flags.x.variants',
      'must be an object with a value under each variant',
    ],
    [
      'empty variants',
      { flags: { x: flag({ variants: {}, defaultVariant: null }) } },
      'flags.x.variants',
      'at least one variant',
    ],
    ['null as a value', { flags: { x: flag({ variants: { off: null } }) } }, 'flags.x.variants.off', 'must not be null'],
    ['mixed types', { flags: { x: flag({ variants: { off: 1, b: 'x' } }) } }, 'flags.x.variants', 'off is number, b is string'],
    ['lists', { flags: { x: flag({ variants: { off: [] } }) } }, 'flags.x.variants', 'off is a list'],
    [
      'an unknown default',
      { flags: { x: flag({ defaultVariant: 'no' }) } },
      'flags.x.defaultVariant',
      "is 'no', which is not a variant",
    ],
    ['a boolean without default', { flags: { x: flag({ defaultVariant: null }) } }, 'flags.x.defaultVariant', 'one of on, off'],
    ['a key that flags cannot have', { flags: { 'a b': flag() } }, 'flags.a b.key', 'must start with a letter or digit'],
    [
      'a name that is too long',
      { flags: { x: flag({ metadata: { name: 'n'.repeat(256) } }) } },
      'flags.x.metadata.name',
      'at most 255',
    ],
    [
      'nested metadata',
      { flags: { x: flag({ metadata: { a: {} } }) } },
      'flags.x.metadata.a',
      'must be text, a number, true or false',
    ],
    ['NUL', { flags: { x: flag({ targeting: { var: 'a\0' } }) } }, 'flags.x', 'must not contain NUL'],
    ['bad targeting', { flags: { x: flag({ targeting: { if: [inBeta, 'no'] } }) } }, 'flags.x.targeting.if.1', 'gives "no"'],
    [
      'a reference to nothing',
      { flags: { x: flag({ targeting: { $ref: 'b' } }) }, $evaluators: { a: {} } },
      'flags.x.targeting.$ref',
      "is 'b', which is not one of the $evaluators: a",
    ],
    [
      'an inherited name as reference',
      { flags: { x: flag({ targeting: { $ref: 'toString' } }) } },
      'flags.x.targeting.$ref',
      'there are none',
    ],
    [
      'references in a circle',
      {
        flags: { x: flag({ targeting: { $ref: 'a' } }) },
        $evaluators: { a: { '!': [{ $ref: 'b' }] }, b: { '!': [{ $ref: 'a' }] } },
      },
      'flags.x.targeting.!.0.!.0.$ref',
      'leads back to itself: a → b → a',
    ],
  ])('%s', (_what, document, path, message) => {
    const { flags, issues } = fromFlagdDocument(document);
    expect(flags).toEqual([]);
    expect(issues.map((issue) => issue.path.join('.'))).toEqual([path]);
    expect(issues[0]?.message).toContain(message);
  });

  it('a reference that has company', () => {
    const { issues } = read({ x: flag({ targeting: { $ref: 'a', if: [true, 'on'] } }) }, { a: inBeta });
    expect(issues[0]).toEqual({
      path: ['flags', 'x', 'targeting'],
      message: 'has the operators $ref and if: only one is allowed',
    });
  });

  it('references that double at every step', () => {
    const steps = Array.from({ length: 40 }, (_, step) => [
      `e${step}`,
      { and: [{ $ref: `e${step + 1}` }, { $ref: `e${step + 1}` }] },
    ]);
    const { issues } = read({ x: flag({ targeting: { $ref: 'e0' } }) }, { ...Object.fromEntries(steps), e40: inBeta });
    expect(issues).toEqual([{ path: ['flags', 'x', 'targeting'], message: expect.stringContaining('too large') }]);
  });

  it('nesting that would exhaust the stack', () => {
    const deep = Array.from({ length: 100_000 }).reduce<Json>((inner) => [inner], null);
    expect(read({ x: flag({ variants: { off: deep } }) }).issues).toEqual([
      { path: ['flags', 'x'], message: 'must be nested at most 100 levels deep' },
    ]);
  });

  it('more of anything than a stack can hold', () => {
    const entries = (value: Json): JsonObject =>
      Object.fromEntries(Array.from({ length: 300_000 }, (_, index) => [`n${index}`, value]));
    const issue = (...path: string[]) => [{ path: ['flags', 'x', ...path], message: 'must have at most 1000 entries' }];
    expect(read({ x: flag({ variants: entries(null) }) }).issues).toEqual(issue('variants'));
    expect(read({ x: flag({ metadata: entries({}) }) }).issues).toEqual(issue('metadata'));
    const tags = 'long,'.repeat(300_000);
    expect(read({ x: flag({ metadata: { tags } }) }).issues[0]?.path).toEqual(['flags', 'x', 'metadata', 'tags']);
    expect(read(entries({ state: 'ON' })).issues).toHaveLength(20);
  });

  it('every flag and every shared rule named __proto__ or beyond JSON, with its place', () => {
    const document = JSON.parse(
      '{"flags":{"__proto__":{},"a":{"variants":{"__proto__":1}},"b":{"n":1e999}},"$evaluators":{"__proto__":{}}}',
    );
    expect(fromFlagdDocument(document)).toEqual({
      flags: [],
      issues: [
        { path: ['flags', '__proto__'], message: 'cannot have this key' },
        { path: ['flags', 'a'], message: 'must not have the key __proto__' },
        { path: ['flags', 'b'], message: 'must not contain a number beyond 1.8e308' },
        { path: ['$evaluators', '__proto__'], message: 'cannot have this key' },
      ],
    });
    expect(fromFlagdDocument(JSON.parse('{"flags":{},"__proto__":{}}')).issues).toEqual([
      { path: [], message: 'must not have the key __proto__' },
    ]);
  });

  it('all problems of all flags at once, twenty at most', () => {
    const bad = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`f${index}`, flag({ defaultVariant: 'no' })]));
    expect(read({ good: flag(), a: flag({ state: 'ON' }), b: flag({ defaultVariant: 'no', targeting: { no: 1 } }) })).toEqual({
      flags: [],
      issues: [
        ['a', 'state'],
        ['b', 'defaultVariant'],
        ['b', 'targeting'],
      ].map((path) => expect.objectContaining({ path: ['flags', ...path] })),
    });
    expect(read(bad).issues).toHaveLength(20);
  });
});

const exported = ({ state, ...created }: ImportedFlag) =>
  toFlagdFlag({ ...created, status: 'ACTIVE' }, { ...state, overrides: [], experiment: null });

it('what is exported after an import gives what the imported document gives, whoever asks', () => {
  const condition = fc.constantFrom<Json>(
    inBeta,
    { $ref: 'beta' },
    { '!': [{ $ref: 'adult' }] },
    { starts_with: [{ var: 'targetingKey' }, 'a'] },
    { '>': [{ var: 'age' }, 17] },
  );
  const targeting = fc.letrec<{ result: Json }>((tie) => ({
    result: fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom<Json>('on', 'off', null, { var: 'plan' }),
      condition,
      fc.tuple(condition, tie('result'), tie('result')).map((args) => ({ if: args })),
      fc.tuple(tie('result'), tie('result')).map((args) => ({ or: args })),
      fc.tuple(tie('result'), fc.nat(9), tie('result')).map(([a, weight, b]) => ({
        fractional: [
          [a, weight],
          [b, 3],
        ],
      })),
    ),
  })).result;
  const variants = fc.constantFrom<JsonObject>(
    onOff,
    { on: 'x', off: 'y', true: 'z', false: '' },
    { true: true, false: false, on: true, off: false },
  );
  const context = fc.record(
    {
      targetingKey: fc.string(),
      groups: fc.subarray(['beta', 'staff']),
      age: fc.integer({ min: 10, max: 30 }),
      plan: fc.constantFrom('on', 'off', 'other', false, 0, ''),
    },
    { requiredKeys: [] },
  );
  const quiet = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {} };
  const load = (document: object) => {
    const flagd = new FlagdCore(undefined, quiet, { disableDynamicCodeGeneration: true });
    flagd.setConfigurations(JSON.stringify(document));
    return (about: Record<string, string | number | boolean | string[]>) => {
      const { flagMetadata: _, ...details } = flagd.getFlag('x')?.evaluate(about) ?? {};
      return details;
    };
  };
  let imported = 0;
  fc.assert(
    fc.property(targeting, variants, fc.array(context, { minLength: 1, maxLength: 5 }), (rule, values, people) => {
      const document: JsonObject = {
        flags: { x: flag({ variants: values, ...(typeof rule === 'object' && rule !== null && { targeting: rule }) }) },
        // flagd itself writes references out one after the other: one that others need must come after them.
        $evaluators: { adult: { and: [{ '>=': [{ var: 'age' }, 18] }, { $ref: 'beta' }] }, beta: inBeta },
      };
      const { flags } = fromFlagdDocument(document);
      if (!flags[0]) return;
      imported++;
      const [before, after] = [load(document), load({ flags: { x: exported(flags[0]) } })];
      for (const about of people) expect(after(about)).toEqual(before(about));
      // And once more: an export is a document that can be imported.
      expect(fromFlagdDocument({ flags: { x: { ...exported(flags[0]) } } }).flags).toEqual(flags);
    }),
    { numRuns: 300 },
  );
  expect(imported).toBeGreaterThan(50);
});
