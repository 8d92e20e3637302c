import { SDJwt } from '@sd-jwt/core';
import canonicalize from 'canonicalize';
import { describe, expect, it } from 'vitest';
import { aLogEntry } from '../../../test/support/log-entries.ts';
import { digestOf, makeDisclose } from '../entry/disclose.ts';
import type { AuditEvent } from './audit-event.ts';
import { readEvent, splitLines, toLines } from './entry.ts';

/** Salts that count up, so that each disclosure has another one. */
const salts = () => {
  let n = 0;
  return makeDisclose({ newSalt: () => String(n++).padStart(22, 'A') });
};
const requestContext = {
  ipAddress: '192.0.2.7',
  userAgent: 'curl/8',
  requestId: 'request-1',
  sessionId: 'session-1',
  apiKeyId: null,
};
const eventOf = (fields: Partial<AuditEvent> = {}): AuditEvent => aLogEntry(1, { requestContext, ...fields }).event;
const partsOf = (event: AuditEvent) => splitLines(toLines(event, salts()));

/** The event as another implementation of RFC 9901 reads it. */
const readByOthers = async (entry: string, disclosures: string): Promise<unknown> => {
  const text = (value: string) => Buffer.from(value).toString('base64url');
  const token = `${text('{"alg":"none"}')}.${text(entry)}.${text('none')}`;
  const presented = [token, ...disclosures.split('\n').filter(Boolean).map(text), ''].join('~');
  const hasher = async (data: string | ArrayBuffer, algorithm: string) =>
    new Uint8Array(await crypto.subtle.digest(algorithm, typeof data === 'string' ? new TextEncoder().encode(data) : data));
  return (await SDJwt.fromEncode(presented, hasher)).getClaims(hasher);
};

it('a disclosure has the digest that RFC 9901, section 4.2.3, gives it', () => {
  expect(digestOf('["_26bc4LT-ac6q2KI6cBW5es", "family_name", "Möbius"]')).toBe('X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0');
});

describe('an entry', () => {
  it('says what identifies the event, and nothing that is personal or large', () => {
    const event = eventOf({ errorMessage: 'the message', metadata: { adminUserId: 'ada', adminEmail: 'ada@example.com' } });
    const { entry } = partsOf(event);
    expect(JSON.parse(entry)).toEqual({
      _sd: expect.any(Array),
      _sd_alg: 'sha-256',
      actor: { _sd: expect.any(Array), id: 'ada', type: 'USER' },
      allEnvironments: false,
      environment: 'production',
      eventType: 'flag.enabled',
      flagKey: 'checkout-v2',
      id: event.id,
      requestContext: { _sd: expect.any(Array), apiKeyId: null, requestId: 'request-1' },
      resource: { id: 'checkout-v2', type: 'flag' },
      result: 'SUCCESS',
      scheduleId: null,
      timestamp: event.timestamp,
      workspaceId: null,
    });
    for (const secret of ['Ada', 'example.com', '192.0.2.7', 'curl', 'session-1', 'the message', 'was enabled'])
      expect(entry).not.toContain(secret);
  });

  it('stays short, however much the event holds, and gives it back whole', () => {
    const long = 'x'.repeat(500_000);
    const event = eventOf({
      description: long,
      newState: { long },
      metadata: { long },
      changes: [{ field: 'a', previousValue: long, newValue: null }],
    });
    const { entry, disclosures } = partsOf(event);
    expect(entry.length).toBeLessThan(2000);
    expect(canonicalize(readEvent(entry, disclosures))).toBe(canonicalize(event));
  });

  it('keeps a field with a name that JavaScript treats in its own way', () => {
    const event = eventOf({
      metadata: JSON.parse('{"__proto__":["x"],"constructor":1,"adminUserId":null,"adminEmail":"a@example.com"}'),
    });
    const { entry, disclosures } = partsOf(event);
    expect(canonicalize(readEvent(entry, disclosures))).toBe(canonicalize(event));
  });

  it('keeps in clear what is null or empty', () => {
    const bare = { previousState: null, newState: null, changes: [], metadata: {}, requestContext: null };
    const event = eventOf({ ...bare, actor: { type: 'SYSTEM', id: 'system', name: null, email: null } });
    const { entry, disclosures } = partsOf(event);
    expect(JSON.parse(entry)).toMatchObject({ ...bare, actor: { name: null, email: null } });
    expect(disclosures.split('\n')).toHaveLength(1);
    expect(readEvent(entry, disclosures)).toEqual(event);
  });

  it('is the same bytes whatever the order of the fields, and other bytes with other salts', () => {
    const event = eventOf();
    const reversed = Object.fromEntries(Object.entries(event).reverse()) as AuditEvent;
    const salted = (salt: string) => makeDisclose({ newSalt: () => salt.repeat(22) });
    expect(splitLines(toLines(reversed, salted('A'))).entry).toBe(splitLines(toLines(event, salted('A'))).entry);
    expect(toLines(event, salted('B'))).not.toBe(toLines(event, salted('C')));
  });

  it.each<[string, Partial<AuditEvent>]>([
    ['of an admin', { metadata: { adminUserId: 'ada', adminEmail: 'ada@example.com', flagKey: 'a' } }],
    [
      'of an application',
      { metadata: { recordedBy: { id: 'k' }, action: 'login', details: { a: 1 }, previousValue: 'x', newValue: null } },
    ],
    ['with nothing to disclose', { metadata: { count: 1 }, requestContext: null }],
  ])('%s reads the same with another implementation', async (_whose, fields) => {
    const event = eventOf(fields);
    const { entry, disclosures } = partsOf(event);
    expect(await readByOthers(entry, disclosures)).toEqual(event);
    expect(readEvent(entry, disclosures)).toEqual(event);
  });

  it('reads as null what was erased, and keeps who and what it was about', () => {
    const metadata = { adminUserId: 'ada', adminEmail: 'ada@example.com', flagKey: 'checkout-v2' };
    const { entry, disclosures } = partsOf(eventOf({ metadata }));
    const kept = disclosures
      .split('\n')
      .filter((line) => !/"(name|email|ipAddress|userAgent|sessionId|adminEmail)",/.test(line.slice(24)));
    expect(readEvent(entry, kept.join('\n'))).toEqual(
      eventOf({
        actor: { type: 'USER', id: 'ada', name: null, email: null },
        requestContext: { ...requestContext, ipAddress: null, userAgent: null, sessionId: null },
        metadata: { ...metadata, adminEmail: null },
      }),
    );
    expect(readEvent(entry, '')).toMatchObject({
      metadata: {},
      changes: [],
      newState: null,
      description: 'The description of this event was erased.',
    });
  });

  it('of an older release, which says everything itself, reads as it is', () => {
    const event = eventOf();
    expect(readEvent(JSON.stringify(event), '')).toEqual(event);
  });
});
