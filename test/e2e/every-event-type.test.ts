import { beforeAll, describe, expect, it, vi } from 'vitest';
import { auditEventTypes, metadataSchemas, toTypeName } from '../../src/catalogue/event-types.ts';
import { type WireEvent, wireEventSchema } from '../../src/schemas/main.ts';
import { applyChanges, sayingOf } from '../support/changes.ts';
import { startCloudWatchServer } from '../support/cloudwatch-server.ts';
import { createPostgresDatabase } from '../support/databases.ts';
import { cursorOf } from '../support/emit.ts';
import { startTestService, type TestService, token } from '../support/service.ts';
import { makeStory, type Step } from './story.ts';

const [group, stream] = ['flagtrail', 'every-type'];
const patient = { timeout: 25_000 };
/** Events of commands on the database, which have tests of their own. */
const ofCommands: readonly string[] = ['log.pruned'];
const typesOfService = auditEventTypes.filter((type) => !ofCommands.includes(type));

/** What a subscriber gets of an event: all of it. */
const subscription = `subscription ($after: String) { auditEvents(after: $after) {
  id position leafHash type eventType occurredAt actor { type id name email } resource { type id } flagKey scheduleId environment allEnvironments workspaceId
  previousState newState changes { field previousValue newValue } description metadata result errorMessage
  requestContext { ipAddress userAgent requestId sessionId apiKeyId } } }`;
type Live = Omit<WireEvent, 'timestamp' | 'sealedAt'> & { type: string; occurredAt: string };

let steps: Step[];
const live: Live[] = [];
let bodies: WireEvent[];

beforeAll(async () => {
  const cloudWatch = await startCloudWatchServer({ now: () => new Date() });
  cloudWatch.createGroup(group);
  cloudWatch.createStream(group, stream);
  vi.stubEnv('AWS_ENDPOINT_URL', cloudWatch.url);
  vi.stubEnv('AWS_REGION', 'eu-central-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
  const { url: databaseUrl, ownerUrl } = await createPostgresDatabase();
  const service = await startTestService({
    databaseUrl,
    env: { CLOUDWATCH_LOG_GROUP: group, CLOUDWATCH_LOG_STREAM: stream, AUDIT_READS: 'viewed,exported' },
  });
  const client = service.socket({ connectionParams: async () => ({ authorization: `Bearer ${await token()}` }) });
  client.subscribe<{ auditEvents: Live }>(
    { query: subscription, variables: { after: cursorOf(0) } },
    { next: ({ data }) => data && live.push(data.auditEvents), error: () => {}, complete: () => {} },
  );

  const as = await token({ email: 'a@example.com' });
  const gql: TestService['gql'] = (query, variables, options) => service.gql(query, variables, { as, ...options });
  steps = makeStory({ ...service, gql }, { databaseUrl: ownerUrl });
  for (const { type, cause } of steps) {
    // What is erased before everybody has it, nobody gets.
    if (type === 'person.erased') {
      await vi.waitFor(() => {
        expect(live.map(({ eventType }) => eventType)).toContain('access.denied');
        expect(cloudWatch.accepted(group, stream)).toHaveLength(live.length);
      }, patient);
    }
    await cause();
    // The worker's: what comes next would change what it finds.
    if (type === 'flag_schedule.failed') {
      await vi.waitFor(
        () => expect(live.map(({ eventType }) => eventType)).toEqual(expect.arrayContaining(['flag_schedule.applied', type])),
        patient,
      );
    }
  }
  await vi.waitFor(() => expect(live.map(({ eventType }) => eventType)).toContain('flag.deleted'), patient);
  await vi.waitFor(() => expect(cloudWatch.accepted(group, stream)).toHaveLength(live.length), patient);
  bodies = cloudWatch.accepted(group, stream).map(({ message }) => JSON.parse(message));
});

/** The events of a step's type that say what it says. */
const eventsOf = ({ type, says }: Step) =>
  live.filter(({ eventType, description }) => eventType === type && description.includes(says));

describe('from the operation to the subscription and to CloudWatch', () => {
  it('comes every type of event that there is', () => {
    expect([...new Set(live.map(({ eventType }) => eventType))].sort()).toEqual(typesOfService.toSorted());
    expect([...new Set(steps.map(({ type }) => type))].sort()).toEqual(typesOfService.toSorted());
  });

  it.each(typesOfService)('%s', (type) => {
    for (const step of steps.filter((one) => one.type === type)) {
      const [event, ...more] = eventsOf(step);
      if (!event) expect.unreachable(`no ${type} says ${step.says}`);
      expect(more).toEqual([]);
      expect(event).toMatchObject({
        actor: { type: 'USER', id: 'admin-a', email: 'a@example.com' },
        ...step.event,
        type: toTypeName(type),
      });
      expect(event.changes.map(({ field }) => field)).toEqual(step.changed ?? []);
    }
  });

  it('each event is whole: known metadata, a sentence, and changes that lead from one state to the other', () => {
    for (const { type, ...event } of live) {
      expect(metadataSchemas[event.eventType].strict().safeParse(event.metadata).error, type).toBeUndefined();
      expect(event.description).toMatch(/^[A-Z0-9].{10,}/);
      expect(event.description).not.toMatch(/undefined|\[object|NaN/);
      expect(applyChanges(event.previousState, event.changes), type).toEqual(sayingOf(event.newState));
    }
  });

  it('each comes once and in order, and CloudWatch has the same as the subscriber', () => {
    expect(live.map(({ position }) => position)).toEqual(live.map((_, index) => index + 1));
    for (const body of bodies) expect(wireEventSchema.strict().safeParse(body).error).toBeUndefined();
    expect(bodies.map(({ sealedAt: _sealedAt, timestamp, ...body }) => ({ ...body, occurredAt: timestamp }))).toEqual(
      live.map(({ type: _type, ...event }) => event),
    );
  });
});
