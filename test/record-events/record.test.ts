import { v7 as uuidv7 } from 'uuid';
import { beforeAll, describe, expect, it } from 'vitest';
import { applicationEventAliases } from '../../src/applications/model/event-types.ts';
import { eventsOf, operationsOf } from '../support/api-key-operations.ts';
import { openRawSocket } from '../support/raw-socket.ts';
import { startTestService, type TestService, token } from '../support/service.ts';
import { anEvent, makeRecord, recordDocument } from './operations.ts';

let service: TestService;
let record: ReturnType<typeof makeRecord>;
let key: { apiKey: { id: string }; secret: string };
beforeAll(async () => {
  service = await startTestService({ env: { DEFAULT_ENVIRONMENT: 'staging' } });
  record = makeRecord(service);
  key = await operationsOf(service).newKey({ name: 'billing' });
});
const byKey = (headers: Record<string, string> = {}) => ({ as: key.secret, headers });
/** A value that no other test records. */
const unique = () => uuidv7();

describe('an event of another application', () => {
  it('may say what happened in its action alone', async () => {
    const requestId = unique();
    const { type: _, ...event } = anEvent({ requestId, userId: 'u1', action: 'login' });
    expect(await record([event], byKey())).toMatchObject({ recorded: 1, refused: 0 });
    expect(await eventsOf(service, { requestId })).toMatchObject([
      { eventType: 'auth.login', description: "User 'u1' logged in", metadata: { action: 'login' } },
    ]);
  });

  it('is recorded as it was sent: who, what, from where, before and after, and by which key', async () => {
    const requestId = unique();
    const event = anEvent({
      type: 'settings_changed',
      occurredAt: '2026-03-29T09:00:00.123+02:00',
      userId: 'u1',
      userName: 'Ada',
      userEmail: 'ada@example.com',
      workspaceId: 'w1',
      environment: 'production',
      ipAddress: '203.0.113.7',
      userAgent: 'Firefox',
      sessionId: 's-1',
      requestId,
      action: 'update',
      resource: 'setting',
      resourceId: 'theme',
      details: { source: 'web', at: [1, 2.5, null, true] },
      previousValue: 'dark',
      newValue: 'light',
    });
    expect(await record([event], byKey())).toEqual({
      __typename: 'RecordAuditEventsPayload',
      recorded: 1,
      duplicates: 0,
      refused: 0,
      results: [{ id: event.id, status: 'RECORDED', issues: [] }],
    });
    const events = await eventsOf(service, { requestId, workspaceId: 'w1', actorId: 'u1', resourceId: 'theme' });
    expect(events).toEqual([
      {
        id: event.id,
        eventType: 'settings.changed',
        result: 'SUCCESS',
        occurredAt: '2026-03-29T07:00:00.123Z',
        actor: { type: 'USER', id: 'u1', name: 'Ada', email: 'ada@example.com' },
        resource: { type: 'setting', id: 'theme' },
        description: "Setting 'theme' changed from 'dark' to 'light'",
        metadata: {
          action: 'update',
          details: { source: 'web', at: [1, 2.5, null, true] },
          previousValue: 'dark',
          newValue: 'light',
          recordedBy: { type: 'API', id: key.apiKey.id, onBehalfOf: null },
        },
        previousState: { value: 'dark' },
        newState: { value: 'light' },
        changes: [{ field: 'value', previousValue: 'dark', newValue: 'light' }],
        environment: 'production',
        workspaceId: 'w1',
        errorMessage: null,
        requestContext: { ipAddress: '203.0.113.7', userAgent: 'Firefox', requestId, sessionId: 's-1', apiKeyId: key.apiKey.id },
      },
    ]);
  });

  it('that says no more than its type is done by its sender, now, in the default environment', async () => {
    const before = Date.now();
    const { id } = anEvent();
    await record([{ id, type: 'logout' }], byKey());
    const [event] = (await eventsOf(service, { types: ['AUTH_LOGOUT'], actorId: key.apiKey.id })).filter((one) => one.id === id);
    expect(event).toMatchObject({
      description: "API key 'billing' logged out",
      actor: { type: 'API', id: key.apiKey.id, name: 'billing' },
      environment: 'staging',
      resource: null,
      requestContext: { ipAddress: null, userAgent: null, requestId: null, apiKeyId: key.apiKey.id },
    });
    expect(Date.parse(event?.occurredAt ?? '')).toBeGreaterThanOrEqual(before);
  });

  it('is of each of the twelve types, by its short name and by its wire name', async () => {
    const workspaceId = unique();
    const types = Object.entries(applicationEventAliases).flat();
    expect(
      await record(
        types.map((type) => anEvent({ type, workspaceId })),
        byKey(),
      ),
    ).toMatchObject({ recorded: 24 });
    const events = await eventsOf(service, { workspaceId }, 24);
    expect(events.map(({ eventType }) => eventType)).toEqual(
      Object.values(applicationEventAliases).flatMap((type) => [type, type]),
    );
  });

  it('may be sent with a JWT, whose subject is named then', async () => {
    const workspaceId = unique();
    const as = await token({ sub: 'crm', groups: ['audit-writer'] });
    await record([anEvent({ workspaceId }), anEvent({ workspaceId, userId: null })], { as });
    const [ofUser, ofItself] = await eventsOf(service, { workspaceId }, 2);
    expect(ofUser).toMatchObject({
      actor: { id: 'u1' },
      metadata: { recordedBy: { type: 'USER', id: 'crm', onBehalfOf: null } },
      requestContext: { apiKeyId: null },
    });
    expect(ofItself).toMatchObject({ actor: { type: 'USER', id: 'crm' } });
  });

  it("that a key sends on behalf of a person is that person's, unless it names another; the key is who sent it", async () => {
    const workspaceId = unique();
    await record([anEvent({ workspaceId, userId: null }), anEvent({ workspaceId })], byKey({ 'x-on-behalf-of': 'grace' }));
    const events = await eventsOf(service, { workspaceId }, 2);
    expect(events.map(({ actor }) => actor.id)).toEqual(['grace', 'u1']);
    const recordedBy = { type: 'API', id: key.apiKey.id, onBehalfOf: 'grace' };
    for (const { metadata } of events) expect(metadata.recordedBy).toEqual(recordedBy);
  });

  it('comes live, and over a socket too', async () => {
    const workspaceId = unique();
    const watcher = openRawSocket(`${service.url}/graphql`);
    await watcher.init(await token({ groups: ['auditor'] }));
    const { data } = await service.gql<{ auditEvents: { edges: { cursor: string }[] } }>(
      '{ auditEvents(first: 1) { edges { cursor } } }',
    );
    const query =
      'subscription ($w: String!, $after: String) { auditEvents(filter: { workspaceId: $w }, after: $after) { id eventType } }';
    const variables = { w: workspaceId, after: data?.auditEvents.edges[0]?.cursor };
    watcher.send({ id: 'live', type: 'subscribe', payload: { query, variables } });
    const writer = openRawSocket(`${service.url}/graphql`);
    await writer.init(key.secret);
    const event = anEvent({ type: 'oauth_connected', workspaceId });
    const answer = await writer.run(recordDocument, { input: { events: [event] } });
    expect(answer).toMatchObject({ payload: { data: { recordAuditEvents: { recorded: 1 } } } });
    expect(await watcher.next()).toMatchObject({
      payload: { data: { auditEvents: { id: event.id, eventType: 'oauth.connected' } } },
    });
  });
});

describe('a batch', () => {
  it('records what it can and refuses the rest, each with its reasons, in the order in which it was sent', async () => {
    const workspaceId = unique();
    const [good, better] = [anEvent({ workspaceId }), anEvent({ workspaceId })];
    const tomorrow = new Date(Date.now() + 86_400_000);
    const bad = [
      anEvent({ id: 'event-1', type: 'flag.created' }),
      anEvent({ occurredAt: tomorrow }),
      anEvent({ details: 'x'.repeat(65 * 1024) }),
    ];
    const answer = await record([bad[0] ?? {}, good, bad[1] ?? {}, bad[2] ?? {}, better], byKey());
    expect(answer).toMatchObject({ recorded: 2, duplicates: 0, refused: 3 });
    expect(answer.results?.map(({ id, status, issues }) => [id, status, issues.map(({ path }) => path)])).toEqual([
      ['event-1', 'REFUSED', [['id'], ['type']]],
      [good.id, 'RECORDED', []],
      [bad[1]?.id, 'REFUSED', [['occurredAt']]],
      [bad[2]?.id, 'REFUSED', [['details']]],
      [better.id, 'RECORDED', []],
    ]);
    expect((await eventsOf(service, { workspaceId }, 2)).map(({ id }) => id)).toEqual([good.id, better.id]);
  });

  it('records an id once: the first of a batch, and none that the log has, in whatever letters', async () => {
    const workspaceId = unique();
    const event = anEvent({ workspaceId, userId: 'first' });
    const again = { ...event, id: event.id.toUpperCase(), userId: 'second' };
    expect((await record([event, again], byKey())).results?.map(({ status }) => status)).toEqual(['RECORDED', 'DUPLICATE']);
    await eventsOf(service, { workspaceId });
    const later = await record([again, anEvent({ workspaceId, userId: 'third' })], byKey());
    expect(later.results?.map(({ id, status }) => [id === again.id, status])).toEqual([
      [true, 'DUPLICATE'],
      [false, 'RECORDED'],
    ]);
    expect((await eventsOf(service, { workspaceId }, 2)).map(({ actor }) => actor.id)).toEqual(['first', 'third']);
  });

  it('that holds nothing new stores nothing', async () => {
    const event = anEvent({ workspaceId: unique() });
    await record([event], byKey());
    expect(await record([event, event], byKey())).toMatchObject({ recorded: 0, duplicates: 2 });
  });

  it('with a refused event of an id takes another event of that id after it', async () => {
    const good = anEvent();
    const answer = await record([{ ...good, userId: '' }, good], byKey());
    expect(answer.results?.map(({ status }) => status)).toEqual(['REFUSED', 'RECORDED']);
  });

  it('holds 1–500 events', async () => {
    const workspaceId = unique();
    const many = (count: number) => Array.from({ length: count }, () => anEvent({ workspaceId }));
    expect(await record([], byKey())).toMatchObject({ __typename: 'ValidationError', issues: [{ path: ['events'] }] });
    expect(await record(many(501), byKey())).toMatchObject({ __typename: 'ValidationError', issues: [{ path: ['events'] }] });
    const answer = await record(many(500), byKey());
    expect(answer).toMatchObject({ recorded: 500 });
    expect(answer.results).toHaveLength(500);
  });

  it('with a value that a scalar refuses, or text that cannot be stored, is BAD_USER_INPUT, 400, as a whole', async () => {
    for (const fields of [
      { occurredAt: 'yesterday' },
      { result: 'MAYBE' },
      { details: { a: ['b\0c'] } },
      { details: { '\ud800': 1 } },
    ]) {
      const { status, errors } = await service.gql(recordDocument, { input: { events: [anEvent(fields)] } }, byKey());
      expect([status, errors?.[0]?.extensions?.code]).toEqual([400, 'BAD_USER_INPUT']);
    }
  });

  it('of brackets as deep as a request is long is refused, and fells nothing', async () => {
    const levels = 400_000;
    const deep = '['.repeat(levels) + ']'.repeat(levels);
    const body = JSON.stringify({ query: recordDocument, variables: { input: { events: [anEvent({ details: 'DEEP' })] } } });
    const response = await fetch(`${service.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key.secret}` },
      body: body.replace('"DEEP"', deep),
    });
    expect(await response.json()).toMatchObject({
      data: { recordAuditEvents: { refused: 1, results: [{ issues: [{ path: ['details'] }] }] } },
    });
  });

  it.each([
    ['auditor', 403],
    ['audit-writer', 200],
    ['admin', 200],
  ])('the group %s sends: %i', async (group, status) => {
    const as = await token({ groups: [group] });
    expect((await service.gql(recordDocument, { input: { events: [anEvent()] } }, { as })).status).toBe(status);
  });
});

describe('audit.loss from an application', () => {
  it("declares in the log what it could not deliver, and counts among the lost events, apart from Flagtrail's own", async () => {
    const lost = async () =>
      [...(await (await fetch(`${service.url}/metrics`)).text()).matchAll(/^flagtrail_audit_lost_events\{(.+)\} (\d+)$/gm)].map(
        ([, source, count]) => [source, Number(count)],
      );
    const before = await lost();
    expect(before).toEqual([
      ['source="flagtrail"', 0],
      ['source="applications"', expect.any(Number)],
    ]);
    const details = { count: 41, reason: 'queue full', since: '2026-01-01T00:00:00Z', until: '2026-01-01T00:10:00Z' };
    expect(await record([anEvent({ type: 'audit.loss', userId: null, details })], byKey())).toMatchObject({ recorded: 1 });
    const [event] = await eventsOf(service, { types: ['AUDIT_LOSS'], actorId: key.apiKey.id });
    expect(event).toMatchObject({
      eventType: 'audit.loss',
      result: 'FAILURE',
      errorMessage: 'queue full',
      actor: { type: 'API', name: 'billing' },
      resource: { type: 'audit_log', id: 'audit_log' },
      metadata: {
        ...{ count: 41, reason: 'queue full', since: '2026-01-01T00:00:00.000Z', until: '2026-01-01T00:10:00.000Z' },
        recordedBy: { type: 'API', id: key.apiKey.id, onBehalfOf: null },
      },
    });
    const after = before.map(([source, count]) => [source, source === 'source="applications"' ? Number(count) + 41 : count]);
    await expect.poll(lost).toEqual(after);
  });

  it('is refused where it does not say how many, why and when', async () => {
    const answer = await record([anEvent({ type: 'audit.loss', userId: null, details: { count: 0, reason: 'x' } })], byKey());
    expect(answer.results?.[0]?.issues.map(({ path }) => path.join('.'))).toEqual([
      'details.count',
      'details.since',
      'details.until',
    ]);
  });
});
