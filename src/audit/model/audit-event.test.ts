import { describe, expect, it } from 'vitest';
import { systemActor } from '../../access/model/actor.ts';
import { completeEvent, type EventDraft, eventEnvelopeSchema, toWire } from './audit-event.ts';
import { auditLoss } from './audit-loss.ts';

const id = '01900000-0000-7000-8000-000000000001';
const now = new Date('2026-03-01T09:00:00.000Z');
const draft: EventDraft<'flag.created'> = {
  eventType: 'flag.created',
  actor: systemActor,
  description: 'made',
  metadata: { flagKey: 'a', adminUserId: null, adminEmail: null },
};
const complete = (rest: Partial<EventDraft> = {}) =>
  completeEvent({ ...draft, ...rest } as EventDraft, { id, now, defaultEnvironment: 'staging' });

describe('an event', () => {
  it('has every field, absent ones as null', () => {
    const event = complete();
    expect(event).toEqual({
      ...draft,
      id,
      timestamp: '2026-03-01T09:00:00.000Z',
      resource: null,
      flagKey: null,
      scheduleId: null,
      environment: 'staging',
      allEnvironments: false,
      workspaceId: null,
      previousState: null,
      newState: null,
      changes: [],
      result: 'SUCCESS',
      errorMessage: null,
      requestContext: null,
    });
    expect(eventEnvelopeSchema.strict().parse(event)).toEqual(event);
  });

  it.each(['Flag.created', 'flag', 'flag.', 'flag.created.twice', 'flag created'])(
    'has no type %j: a wire name says of what, and what',
    (eventType) => {
      expect(eventEnvelopeSchema.safeParse({ ...complete(), eventType }).error?.issues).toMatchObject([{ path: ['eventType'] }]);
    },
  );

  it('keeps its own environment, and when it occurred', () => {
    expect(complete({ environment: 'production', occurredAt: new Date(0) })).toMatchObject({
      environment: 'production',
      timestamp: '1970-01-01T00:00:00.000Z',
    });
    expect(complete({ occurredAt: new Date(0) })).not.toHaveProperty('occurredAt');
  });

  it('comes on the wire with its position in front, and eventType, timestamp and metadata at the top', () => {
    const wire = toWire({ position: 7, sealedAt: now, leafHash: 'AAAA', event: complete() });
    expect(Object.keys(wire).slice(0, 3)).toEqual(['position', 'sealedAt', 'leafHash']);
    expect(wire).toMatchObject({
      position: 7,
      eventType: 'flag.created',
      timestamp: now.toISOString(),
      metadata: draft.metadata,
    });
  });
});

it.each([
  [1, '1 audit event was lost'],
  [2, '2 audit events were lost'],
])('a loss of %i says so', (count, sentence) => {
  const { description, metadata } = auditLoss({ reason: 'spool_full', count, since: new Date(0), until: now });
  expect(description).toBe(`${sentence} between 1970-01-01T00:00:00.000Z and 2026-03-01T09:00:00.000Z: spool_full`);
  expect(metadata).toMatchObject({ count, reason: 'spool_full' });
});
