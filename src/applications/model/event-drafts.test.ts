import { describe, expect, it } from 'vitest';
import type { Caller } from '../../access/model/actor.ts';
import { metadataSchemas } from '../../catalogue/event-types.ts';
import { draftEvent, draftLoss } from './event-drafts.ts';
import { type ApplicationEvent, type AuditEventInput, type DeclaredLoss, readAuditEvent } from './event-input.ts';

const now = new Date('2026-01-01T00:00:00Z');
const id = '01a1f982-b765-7234-9c18-c6bbea276b36';
const caller: Caller = {
  actor: { type: 'API', id: 'key-1', name: 'billing', email: null },
  userId: 'key-1',
  roles: ['AUDIT_WRITER'],
  sessionId: null,
  expiresAt: null,
  apiKeyId: 'key-1',
  requestContext: { ipAddress: '10.0.0.1', userAgent: 'node', requestId: 'r-1', sessionId: null, apiKeyId: 'key-1' },
};
const service: Caller = {
  ...caller,
  actor: { type: 'SERVICE_ACCOUNT', id: 'billing', name: null, email: null },
  apiKeyId: null,
};
const read = (fields: object) => {
  const found = readAuditEvent({ id, type: 'login', ...fields } as AuditEventInput, now);
  return found.ok ? found.event : expect.unreachable(JSON.stringify(found.issues));
};
const draft = (fields: object = {}, by = caller) => draftEvent(by, read(fields) as ApplicationEvent);
const sentence = (fields: object) => draft({ userId: 'u1', ...fields }).description;

describe('the sentence', () => {
  it.each([
    [{}, "User 'u1' logged in"],
    [{ type: 'logout' }, "User 'u1' logged out"],
    [{ result: 'FAILURE', errorMessage: 'wrong password' }, "User 'u1' failed to log in: wrong password"],
    [{ result: 'DENIED' }, "User 'u1' was not allowed to log in"],
    [{ type: 'data_export_requested' }, "User 'u1' requested an export of data"],
    [{ type: 'data_export_completed', resource: 'export', resourceId: 'e-7' }, "User 'u1' got an export of data (export 'e-7')"],
    [{ type: 'data_delete_completed' }, "User 'u1' had data deleted"],
    [{ type: 'subscription_created', resource: 'plan' }, "User 'u1' started a subscription (plan 'plan')"],
    [{ type: 'oauth_connected', result: 'FAILURE' }, "User 'u1' failed to connect an account of another service"],
    [{ type: 'admin_action', action: 'suspend_user' }, "User 'u1' did something as an administrator: suspend_user"],
    [{ type: 'settings_changed' }, "User 'u1' changed settings"],
    [{ userId: null, userEmail: 'a@b.example', result: 'FAILURE' }, "User 'a@b.example' failed to log in"],
  ])('of %j is: %s', (fields, expected) => expect(sentence(fields)).toBe(expected));

  const theme = { type: 'settings_changed', resource: 'setting', resourceId: 'theme' };
  it.each([
    [{ ...theme, previousValue: 'dark', newValue: 'light' }, "Setting 'theme' changed from 'dark' to 'light'"],
    [{ ...theme, previousValue: null, newValue: 25 }, "Setting 'theme' changed from null to 25"],
    [{ type: 'settings_changed', previousValue: true, newValue: false }, 'A setting changed from true to false'],
    [
      { ...theme, previousValue: { size: 1, font: 'a' }, newValue: { size: 2, font: 'a' } },
      "Setting 'theme': size changed from 1 to 2",
    ],
    [
      { ...theme, previousValue: 'dark', newValue: 'light', result: 'DENIED' },
      "User 'u1' was not allowed to change settings (setting 'theme')",
    ],
  ])('of a setting, %j, is: %s', (fields, expected) => expect(sentence(fields)).toBe(expected));

  it('stays one, however many settings changed', () => {
    const newValue = Object.fromEntries(Array.from({ length: 150 }, (_, n) => [`setting-${n}`, n]));
    const { description, changes } = draft({ type: 'settings_changed', newValue });
    expect(description).toHaveLength(1001);
    expect(changes).toHaveLength(150);
  });

  it('of an event that names nobody is about its sender', () => {
    expect(draft().description).toBe("API key 'billing' logged in");
    expect(draft({}, service).description).toBe("Service 'billing' logged in");
  });
});

describe('the event', () => {
  it('is done by the person it names, or else by its sender', () => {
    expect(draft({ userId: 'u1', userName: 'Ada', userEmail: 'ada@example.com' }).actor).toEqual({
      type: 'USER',
      id: 'u1',
      name: 'Ada',
      email: 'ada@example.com',
    });
    expect(draft({ userName: 'Ada' }).actor).toEqual({ type: 'USER', id: 'unknown', name: 'Ada', email: null });
    expect(draft().actor).toEqual(caller.actor);
  });

  it('names who sent it: the key, also where it speaks for a person, and that person', () => {
    const forGrace: Caller = { ...caller, actor: { type: 'USER', id: 'grace', name: null, email: null }, userId: 'grace' };
    expect(draft({ userId: 'u1' }, forGrace).metadata.recordedBy).toEqual({ type: 'API', id: 'key-1', onBehalfOf: 'grace' });
    expect(draft({}, forGrace).actor).toEqual(forGrace.actor);
    const byService = { type: 'SERVICE_ACCOUNT', id: 'billing', onBehalfOf: null };
    expect(draft({ userId: 'u1' }, service).metadata.recordedBy).toEqual(byService);
  });

  it("has the person's request, not the sender's, and the sender's key", () => {
    const [ipAddress, userAgent, requestId, sessionId] = ['203.0.113.7', 'Firefox', 'their-request', 'their-session'];
    expect(draft({ ipAddress, userAgent, requestId, sessionId }).requestContext).toEqual({
      ipAddress,
      userAgent,
      requestId,
      sessionId,
      apiKeyId: 'key-1',
    });
    expect(draft({}, service).requestContext).toEqual({
      ipAddress: null,
      userAgent: null,
      requestId: null,
      sessionId: null,
      apiKeyId: null,
    });
  });

  it('has states with fields: an object as it is, anything else as a value; the differ says what changed', () => {
    expect(draft({ previousValue: { a: 1, b: 2 }, newValue: { a: 1, b: 3 } })).toMatchObject({
      previousState: { a: 1, b: 2 },
      newState: { a: 1, b: 3 },
      changes: [{ field: 'b', previousValue: 2, newValue: 3 }],
    });
    expect(draft({ previousValue: ['x'], newValue: 'y' })).toMatchObject({
      previousState: { value: ['x'] },
      newState: { value: 'y' },
      changes: [{ field: 'value', previousValue: ['x'], newValue: 'y' }],
    });
    expect(draft({ previousValue: {}, newValue: { toString: 1 } }).changes).toEqual([
      { field: 'toString', previousValue: null, newValue: 1 },
    ]);
    expect(draft({ newValue: false })).toMatchObject({ previousState: null, newState: { value: false } });
    expect(draft()).toMatchObject({ previousState: null, newState: null, changes: [] });
  });

  it('says field by field what changed where that is at most 200, else that the whole value did', () => {
    const fieldsOf = (fields: number, at: number) => Object.fromEntries(Array.from({ length: fields }, (_, n) => [`f${n}`, at]));
    expect(draft({ previousValue: fieldsOf(200, 1), newValue: fieldsOf(200, 2) }).changes).toHaveLength(200);
    const whole = { previousValue: fieldsOf(201, 1), newValue: fieldsOf(201, 2) };
    expect(draft(whole).changes).toEqual([{ field: 'value', ...whole }]);
    expect(draft({ previousValue: fieldsOf(2000, 1), newValue: { ...fieldsOf(2000, 1), f7: 2 } }).changes).toEqual([
      { field: 'f7', previousValue: 1, newValue: 2 },
    ]);
  });

  it('leaves out no field, whatever it is called', () => {
    const [previousValue, newValue] = [
      { version: 1, updatedAt: 'then' },
      { version: 2, updatedAt: 'now' },
    ];
    expect(draft({ previousValue, newValue })).toMatchObject({ changes: [{ field: 'updatedAt' }, { field: 'version' }] });
  });

  it('has metadata as the catalogue says', () => {
    const { eventType, metadata } = draft({ action: 'sign_in', details: { mfa: true }, previousValue: 1, newValue: 2 });
    expect(metadata).toEqual({
      action: 'sign_in',
      details: { mfa: true },
      previousValue: 1,
      newValue: 2,
      recordedBy: { type: 'API', id: 'key-1', onBehalfOf: null },
    });
    expect(metadataSchemas[eventType].parse(metadata)).toEqual(metadata);
  });
});

describe('a declared loss', () => {
  const details = { count: 2, reason: 'queue full', since: '2025-12-31T23:00:00Z', until: '2026-01-01T00:00:00Z' };
  const loss = (fields: object = {}) =>
    draftLoss(caller, read({ type: 'audit.loss', details: { ...details, ...fields } }) as DeclaredLoss);

  it("is the sender's, counts, and says between which instants", () => {
    expect(loss()).toMatchObject({
      id,
      eventType: 'audit.loss',
      actor: caller.actor,
      resource: { type: 'audit_log', id: 'audit_log' },
      result: 'FAILURE',
      errorMessage: 'queue full',
      description:
        "2 audit events of API key 'billing' were lost between 2025-12-31T23:00:00.000Z and 2026-01-01T00:00:00.000Z: queue full",
      metadata: {
        ...{ count: 2, reason: 'queue full', since: '2025-12-31T23:00:00.000Z', until: '2026-01-01T00:00:00.000Z' },
        recordedBy: { type: 'API', id: 'key-1', onBehalfOf: null },
      },
      requestContext: { apiKeyId: 'key-1' },
    });
    expect(loss({ count: 1 }).description).toMatch(/^1 audit event of API key 'billing' was lost/);
    expect(metadataSchemas['audit.loss'].parse(loss().metadata)).toEqual(loss().metadata);
  });
});
