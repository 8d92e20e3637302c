import { describe, expect, it } from 'vitest';
import { type AuditEventInput, readAuditEvent, recordAuditEventsSchema } from './event-input.ts';

const now = new Date('2026-01-01T00:00:00Z');
const id = '01a1f982-b765-7234-9c18-c6bbea276b36';
const read = (fields: object = {}) => readAuditEvent({ id, type: 'login', ...fields } as AuditEventInput, now);
const eventOf = (fields: object = {}) => {
  const found = read(fields);
  return found.ok ? found.event : expect.unreachable(JSON.stringify(found.issues));
};
const issuesOf = (fields: object) => {
  const found = read(fields);
  return found.ok ? [] : found.issues.map(({ path }) => path.join('.'));
};

describe('an event', () => {
  it('has a value for every field: null where there was none', () => {
    expect(eventOf()).toEqual({
      id,
      type: 'auth.login',
      occurredAt: now,
      userId: null,
      userName: null,
      userEmail: null,
      workspaceId: null,
      environment: null,
      ipAddress: null,
      userAgent: null,
      sessionId: null,
      requestId: null,
      action: null,
      resource: null,
      resourceId: null,
      details: null,
      previousValue: null,
      newValue: null,
      result: 'SUCCESS',
      errorMessage: null,
    });
    const nulls = { occurredAt: null, userId: null, userName: null, details: null, result: null, resource: null };
    expect(eventOf(nulls)).toEqual(eventOf());
  });

  it.each([
    ['login', 'auth.login'],
    ['logout', 'auth.logout'],
    ['data_export_requested', 'data_export.requested'],
    ['data_export_completed', 'data_export.completed'],
    ['data_delete_requested', 'data_delete.requested'],
    ['data_delete_completed', 'data_delete.completed'],
    ['subscription_created', 'subscription.created'],
    ['subscription_cancelled', 'subscription.cancelled'],
    ['settings_changed', 'settings.changed'],
    ['oauth_connected', 'oauth.connected'],
    ['oauth_disconnected', 'oauth.disconnected'],
    ['admin_action', 'admin.action'],
  ])('%s is %s, by either name, in its type or else in its action', (alias, type) => {
    for (const name of [alias, type]) {
      expect(eventOf({ type: name })).toMatchObject({ type, action: null });
      expect(eventOf({ type: undefined, action: name })).toMatchObject({ type, action: name });
      expect(eventOf({ type: null, action: name })).toMatchObject({ type, action: name });
    }
  });

  it('keeps an action in words of its own beside its type, even the name of another type', () => {
    expect(eventOf({ type: 'login', action: 'sso' })).toMatchObject({ type: 'auth.login', action: 'sso' });
    expect(eventOf({ type: 'login', action: 'logout' })).toMatchObject({ type: 'auth.login', action: 'logout' });
  });

  it.each([
    ['neither type nor action', {}, /^is missing: one of them must be one of login, logout, .*audit\.loss$/],
    ['an action that is no name', { action: 'unlock' }, /^is missing, and action 'unlock' does not stand for it: .*login/],
    ['a type that is no name', { type: 'logn', action: 'login' }, /^is 'logn': it must be one of login/],
  ])('is refused with %s, with all else that is wrong', (_, fields, message) => {
    const found = read({ type: undefined, resourceId: '42', ...fields });
    expect(found).toMatchObject({
      ok: false,
      issues: expect.arrayContaining([{ path: ['type'], message: expect.stringMatching(message) }]),
    });
    expect(issuesOf({ type: undefined, resourceId: '42', ...fields }).toSorted()).toEqual(['resource', 'type']);
  });

  it.each(['flag.created', 'LOGIN', '', 'access.denied', 'toString'])("'%s' is not a type that others record", (type) => {
    expect(read({ type })).toMatchObject({
      ok: false,
      issues: [{ path: ['type'], message: expect.stringContaining('auth.login') }],
    });
  });

  it('has an id in small letters: the same UUID in capitals is the same event', () => {
    expect(eventOf({ id: id.toUpperCase() }).id).toBe(id);
    expect(issuesOf({ id: '42' })).toEqual(['id']);
  });

  it.each([
    ['five minutes ahead', new Date(now.getTime() + 300_000), []],
    ['later than that', new Date(now.getTime() + 300_001), ['occurredAt']],
    ['on the first day of 2000', new Date('2000-01-01T00:00:00Z'), []],
    ['before it', new Date('1999-12-31T23:59:59.999Z'), ['occurredAt']],
  ])('may have happened %s: issues %j', (_when, occurredAt, issues) => expect(issuesOf({ occurredAt })).toEqual(issues));

  it.each(['userId', 'workspaceId', 'sessionId', 'requestId', 'action', 'resource'])(
    'has at most 255 characters in %s, which is compared and must not be cut, and not none',
    (field) => {
      expect(issuesOf({ [field]: 'x'.repeat(255) })).toEqual([]);
      expect(issuesOf({ [field]: 'x'.repeat(256) })).toEqual([field]);
      expect(issuesOf({ [field]: '' })).toEqual([field]);
      expect(issuesOf({ [field]: 'a\0b' })).toEqual([field]);
    },
  );

  it('says what kind of thing it is that resourceId names', () => {
    expect(issuesOf({ resourceId: 'theme' })).toEqual(['resource']);
    expect(issuesOf({ resource: 'setting', resourceId: 'theme' })).toEqual([]);
    expect(issuesOf({ resource: 'setting', resourceId: 'x'.repeat(256) })).toEqual(['resourceId']);
  });

  it.each([
    ['userName', 255],
    ['userEmail', 320],
    ['ipAddress', 255],
    ['userAgent', 512],
    ['errorMessage', 2000],
  ])('is not kept out of the log by the length of %s, which strangers may make up: it is cut at %i', (field, max) => {
    expect(eventOf({ [field]: 'x'.repeat(max + 1) })).toMatchObject({ [field]: 'x'.repeat(max) });
    expect(eventOf({ [field]: '' })).toMatchObject({ [field]: null });
  });

  const nested = (levels: number) => JSON.parse('['.repeat(levels) + ']'.repeat(levels));
  it('has at most 64 KiB of JSON in all: what is too large is said of the largest', () => {
    const thirds = [21_843, 21_843, 21_844].map((length) => 'x'.repeat(length));
    const [details, previousValue, newValue] = thirds;
    expect(issuesOf({ details, previousValue, newValue })).toEqual([]);
    expect(issuesOf({ details, previousValue, newValue: `${newValue}x` })).toEqual(['newValue']);
    expect(issuesOf({ details: { a: ['x'.repeat(40_000)] }, newValue: { b: 'x'.repeat(30_000) } })).toEqual(['details']);
  });

  it.each(['details', 'previousValue', 'newValue'])('has at most 64 KiB and 32 levels of JSON in %s', (field) => {
    expect(issuesOf({ [field]: 'x'.repeat(64 * 1024 - 2) })).toEqual([]);
    expect(issuesOf({ [field]: 'x'.repeat(64 * 1024 - 1) })).toEqual([field]);
    expect(issuesOf({ [field]: 'é'.repeat(33 * 1024) })).toEqual([field]);
    expect(issuesOf({ [field]: nested(32) })).toEqual([]);
    expect(issuesOf({ [field]: nested(33) })).toEqual([field]);
    expect(issuesOf({ [field]: nested(100_000) })).toEqual([field]);
    expect(issuesOf({ [field]: JSON.parse('[1e999]') })).toEqual([field]);
  });

  it('hears of everything that is wrong with it at once', () => {
    expect(issuesOf({ id: 'x', type: 'y', userId: '' })).toEqual(['id', 'type', 'userId']);
  });
});

describe('a declared loss', () => {
  const details = { count: 3, reason: 'queue full', since: '2026-01-01T00:00:00+01:00', until: '2026-01-01T00:00:00Z' };

  it('is read from the details', () => {
    const loss = { count: 3, reason: 'queue full', since: new Date('2025-12-31T23:00:00Z'), until: now };
    expect(eventOf({ type: 'audit.loss', details })).toMatchObject({ type: 'audit.loss', loss });
  });

  it.each([
    [{ count: 0 }, 'details.count'],
    [{ count: 1.5 }, 'details.count'],
    [{ count: 1_000_000_001 }, 'details.count'],
    [{ reason: '' }, 'details.reason'],
    [{ since: 'yesterday' }, 'details.since'],
    [{ since: '1999-12-31T23:59:59Z' }, 'details.since'],
    [{ until: '2026-01-01T00:05:00.001Z' }, 'details.until'],
    [{ until: '2025-12-31T22:59:59Z' }, 'details.until'],
  ])('with %j is refused at %s', (wrong, path) => {
    expect(issuesOf({ type: 'audit.loss', details: { ...details, ...wrong } })).toEqual([path]);
  });

  it('may be a thousand millions, and end as far ahead as clocks differ', () => {
    const most = { ...details, count: 1_000_000_000, since: '2000-01-01T00:00:00Z', until: '2026-01-01T00:05:00Z' };
    expect(issuesOf({ type: 'audit.loss', details: most })).toEqual([]);
  });

  it('is of its sender, and of nobody else whom it might name', () => {
    const person = { userId: 'u1', userName: 'Ada', userEmail: 'ada@example.com' };
    expect(issuesOf({ type: 'audit.loss', details, ...person })).toEqual(['userId', 'userName', 'userEmail']);
    expect(issuesOf({ type: 'audit.loss', details: { ...details, count: 0 }, userId: 'u1' })).toEqual([
      'userId',
      'details.count',
    ]);
  });

  it('without details is refused', () => expect(issuesOf({ type: 'audit.loss' })).toEqual(['details']));
});

it('a batch holds 1–500 events', () => {
  const batch = (length: number) => recordAuditEventsSchema.safeParse({ events: Array.from({ length }, () => ({})) }).success;
  expect([0, 1, 500, 501].map(batch)).toEqual([false, true, true, false]);
});

it('a batch holds at most 2 MiB of JSON, which is found out without building it', () => {
  const of = (events: object[]) => recordAuditEventsSchema.safeParse({ events }).error?.issues.map(({ path }) => path) ?? [];
  const kib = (count: number) => 'x'.repeat(count * 1024 - 10);
  const many = (length: number, event: object) => Array.from({ length }, () => ({ ...event }));
  expect(of(many(100, { details: kib(7), previousValue: kib(7), newValue: kib(6) }))).toEqual([]);
  expect(of(many(105, { details: kib(7), previousValue: kib(7), newValue: kib(7) }))).toEqual([['events']]);
  const once = [kib(1)];
  const often = Array.from({ length: 1000 }, () => once);
  const shared = Array.from({ length: 1000 }, () => often);
  expect(of(many(500, { newValue: { shared } }))).toEqual([['events']]);
});
