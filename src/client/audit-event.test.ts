import { describe, expect, it } from 'vitest';
import { auditEventInputSchema } from '../applications/model/event-input.ts';
import { applicationEventAliases, applicationEventTypeNames } from '../applications/model/event-types.ts';
import { isStorableText } from '../kernel/text.ts';
import { auditEventNames, serializeEvent } from './audit-event.ts';

const nowMs = Date.parse('2026-03-01T09:00:00Z');
const write = (event: unknown, maxBytes = 100_000) => serializeEvent(event, { newId: () => 'an-id', nowMs, maxBytes });
const read = (event: unknown): Record<string, unknown> => {
  const written = write(event);
  if (!written.ok) throw new Error(written.why);
  return JSON.parse(written.text);
};
const throwing = (thrown: unknown) => () => {
  throw thrown;
};
const nested = (depth: number): object => (depth === 0 ? {} : { deeper: nested(depth - 1) });

describe('an event that is written down', () => {
  it('has an id and an instant, keeps what it was given, and leaves out what is absent', () => {
    expect(read({ type: 'login', userId: 'u', workspaceId: null, details: { a: [1, undefined, 'b'] } })).toEqual({
      id: 'an-id',
      type: 'login',
      occurredAt: '2026-03-01T09:00:00.000Z',
      userId: 'u',
      details: { a: [1, null, 'b'] },
    });
  });

  it.each([
    ['its type, in the words of the log', { type: 'auth.login' }, { type: 'auth.login' }],
    ['its type, and an action in words of its own', { type: 'login', action: 'sso' }, { type: 'login', action: 'sso' }],
    ['its action, by a short name', { action: 'login' }, { type: 'login', action: 'login' }],
    [
      'its action, in the words of the log',
      { type: null, action: 'auth.logout' },
      { type: 'auth.logout', action: 'auth.logout' },
    ],
    ['its type, whatever its action names', { type: 'login', action: 'logout' }, { type: 'login', action: 'logout' }],
  ])('says what happened in %s', (_, event, expected) => {
    expect(read(event)).toMatchObject(expected);
  });

  it('may be nested, and full of brackets', () => {
    const details = { nested: nested(190), text: '[{'.repeat(500), quoted: '"\\"[[' };
    expect(read({ type: 'login', details }).details).toEqual(details);
  });

  it('says null where a value before or after is null', () => {
    expect(read({ type: 'login', previousValue: null, newValue: 0 })).toMatchObject({ previousValue: null, newValue: 0 });
  });

  it.each([
    [new Date('2026-01-02T03:04:05Z'), '2026-01-02T03:04:05.000Z'],
    ['2026-01-02T03:04:05+02:00', '2026-01-02T01:04:05.000Z'],
  ])('takes %s for its instant', (occurredAt, expected) => {
    expect(read({ type: 'login', occurredAt }).occurredAt).toBe(expected);
  });

  it('has text where ids are numbers, and where JSON has no number that large', () => {
    expect(read({ type: 'login', userId: 7, resourceId: 8n, details: { id: 2n ** 64n } })).toMatchObject({
      userId: '7',
      resourceId: '8',
      details: { id: '18446744073709551616' },
    });
  });

  it('has each field that the API knows, where all are given', () => {
    const fields = Object.keys(auditEventInputSchema.shape);
    const given = { ...Object.fromEntries(fields.map((field) => [field, 'x'])), occurredAt: new Date(0), result: 'DENIED' };
    expect(Object.keys(read(given))).toEqual(fields);
  });

  it('has only what the API knows', () => {
    expect(read({ type: 'login', password: 'secret' })).not.toHaveProperty('password');
  });

  it.each([undefined, () => 1, Symbol('s')])('has no details where they are %s', (details) => {
    expect(read({ type: 'login', details })).not.toHaveProperty('details');
  });

  it('has the length of binary data, which nobody reads', () => {
    const unread = Object.assign(Buffer.alloc(3), { toJSON: throwing(new Error('read')) });
    const details = {
      buffer: unread,
      bytes: new Uint8Array(20_000_000),
      view: new DataView(new ArrayBuffer(5)),
      raw: new ArrayBuffer(7),
    };
    expect(
      read({ type: 'login', details, newValue: new Float64Array(2), previousValue: { toJSON: () => unread } }),
    ).toMatchObject({
      details: { buffer: '[3 bytes]', bytes: '[20000000 bytes]', view: '[5 bytes]', raw: '[7 bytes]' },
      newValue: '[16 bytes]',
      previousValue: '[3 bytes]',
    });
  });

  it('has what JSON.stringify makes of it', () => {
    const details = {
      ...{
        date: new Date(0),
        url: new URL('http://x/'),
        map: new Map([[1, 2]]),
        text: new String('a'),
        isSo: new Boolean(false),
      },
      numbers: [-0, 1e21, Number.NaN, new Number(1), Number.POSITIVE_INFINITY, 1.5],
      keyed: [{ toJSON: (key: string) => `at ${key}` }, { toJSON: 'no function' }, Symbol('s'), () => 1],
      holes: new Array(3),
      inherits: Object.create({ inherited: 1 }, { own: { value: 2, enumerable: true }, hidden: { value: 3 } }),
    };
    Object.defineProperty(details, '__proto__', { value: { polluted: 1 }, enumerable: true });
    const same = { twice: 1 };
    const event = { type: 'login', details, newValue: [same, same] };
    expect(JSON.stringify(read(event))).toBe(
      JSON.stringify({ id: 'an-id', type: 'login', occurredAt: '2026-03-01T09:00:00.000Z', details, newValue: event.newValue }),
    );
  });

  it('has the id that it is sent with, and not what was given for it', () => {
    expect(write({ type: 'a\0', id: 'b\ud800' })).toMatchObject({ id: 'b\uFFFD', type: 'a\uFFFD' });
  });

  it('has U+FFFD for NUL and lone surrogates, in keys and values, and leaves what only looks like them', () => {
    const details = { 'a\0': 'b\0\0c', '\ud800': ['\udfff', '\ud83d\ude00'], looksLike: '\\u0000 \\\\ud800', tab: '\t\u0001"' };
    const event = read({ type: 'login', userId: 'x\0y', details });
    expect(event).toMatchObject({
      userId: 'x\uFFFDy',
      details: {
        'a\uFFFD': 'b\uFFFD\uFFFDc',
        '\uFFFD': ['\uFFFD', '\ud83d\ude00'],
        looksLike: '\\u0000 \\\\ud800',
        tab: '\t\u0001"',
      },
    });
    const texts = Object.entries(event.details as object).flat(2);
    expect(texts.every((text) => isStorableText(String(text)))).toBe(true);
  });
});

describe('an event that cannot be written down', () => {
  const cyclic: Record<string, unknown> = { a: 1 };
  cyclic.self = cyclic;
  const unreadable = new Proxy(new Error('x'), { get: throwing(new Error('again')), getPrototypeOf: throwing('again') });

  it.each([
    ['null', null, 'the event is null: it must be an object'],
    ['undefined', undefined, 'the event is undefined: it must be an object'],
    ['text', 'login', 'the event is a string: it must be an object'],
    ['neither type nor action', {}, 'type is missing: one of them must be one of login, logout, data_export_requested'],
    ['an action in words of its own alone', { action: 'unlock' }, "type is missing, and action 'unlock' does not stand for it"],
    ['a user who is an object', { type: 'login', userId: { id: 1 } }, 'userId is an object: it must be text'],
    ['a result of its own', { type: 'login', result: 'OK' }, 'result must be SUCCESS, FAILURE or DENIED'],
    ['no instant', { type: 'login', occurredAt: new Date('x') }, 'occurredAt is not an instant'],
    ['an instant without an offset', { type: 'login', occurredAt: '2026-01-02T03:04:05' }, 'occurredAt is not an instant'],
    ['a circle', { type: 'login', details: cyclic }, 'circular'],
    [
      'a getter that throws',
      {
        type: 'login',
        get details() {
          return throwing(new Error('no entry'))();
        },
      },
      'no entry',
    ],
    ['a toJSON that throws nothing', { type: 'login', details: { toJSON: throwing(undefined) } }, 'undefined'],
    ['a throw that cannot be read', { type: 'login', details: { toJSON: throwing(unreadable) } }, 'cannot be read'],
    ['a proxy that throws', new Proxy({}, { get: throwing(new Error('no entry')) }), 'no entry'],
    ['a nesting that the API may choke on', { type: 'login', details: nested(200) }, 'nested more than 200 deep'],
    ['a nesting that no stack holds', { type: 'login', details: nested(5000) }, ''],
  ])('is reported, not thrown: %s', (_, event, why) => {
    const written = write(event);
    expect(written).toMatchObject({ ok: false, reason: 'client_event_unwritable' });
    if (!written.ok) expect(written.why).toContain(why);
  });

  it.each([
    ['one text', { text: 'x'.repeat(10_000_000) }],
    ['many small parts', Array.from({ length: 100_000 }, () => ({}))],
    ['text that takes more bytes than it has characters', { text: '€'.repeat(40_000) }],
    ['text that is nothing but NUL', { text: '\0'.repeat(900_000) }],
    ['keys without values', Object.fromEntries(Array.from({ length: 50_000 }, (_, index) => [index, undefined]))],
    ['elements that are not there', new Array(2 ** 32 - 1)],
    ['what takes long to multiply', 2n ** 100_000n],
    ['what branches without end', Array.from({ length: 60 }).reduce((one) => [one, one], [])],
  ])('is too large: %s', (_, details) => {
    expect(write({ type: 'login', details })).toMatchObject({ ok: false, reason: 'client_event_too_large' });
  });

  it.each([
    ['text', { text: 'x'.repeat(200_000) }],
    ['text that JSON writes as escapes', { text: '\u0001'.repeat(20_000) }],
    ['text of several bytes each', { text: '€'.repeat(40_000) }],
    ['keys', { ['x'.repeat(200_000)]: 1 }],
    ['elements', Array(50_000).fill(undefined)],
  ])('is not read to its end where it is too large already: %s', (_, large) => {
    let reads = 0;
    const unread = {
      get next() {
        reads++;
        return unread;
      },
    };
    expect(write({ type: 'login', details: [large, unread] })).toMatchObject({ reason: 'client_event_too_large' });
    expect(reads).toBe(0);
  });
});

it('a type that the client does not know is written down, for a newer API may, and doubted', () => {
  expect(write({ type: 'logn', action: 'login' })).toMatchObject({
    ok: true,
    type: 'logn',
    doubt: expect.stringContaining("type is 'logn': it must be one of login, logout"),
  });
  expect(write({ type: 'login' })).toMatchObject({ ok: true, doubt: null });
});

it('the names that the client knows are those that the API takes', () => {
  expect(auditEventNames).toEqual([...Object.keys(applicationEventAliases), ...applicationEventTypeNames]);
});
