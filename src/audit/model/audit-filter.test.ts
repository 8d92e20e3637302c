import { describe, expect, it } from 'vitest';
import { systemActor } from '../../access/model/actor.ts';
import { completeEvent } from './audit-event.ts';
import { type AuditEventFilter, matchesFilter } from './audit-filter.ts';

const scheduleId = '01900000-0000-7000-8000-000000000002';
const event = completeEvent(
  {
    eventType: 'flag.created',
    actor: systemActor,
    description: 'made',
    resource: { type: 'flag', id: 'f-1' },
    flagKey: 'checkout',
    scheduleId,
    workspaceId: 'w-1',
    requestContext: { ipAddress: '192.0.2.7', userAgent: null, requestId: 'r-1', sessionId: null, apiKeyId: scheduleId },
    metadata: { flagKey: 'checkout', adminUserId: null, adminEmail: null },
  },
  { id: '01900000-0000-7000-8000-000000000001', now: new Date(1000), defaultEnvironment: 'production' },
);

describe('a filter', () => {
  it.each<[AuditEventFilter, AuditEventFilter]>([
    [{ flagKey: 'checkout' }, { flagKey: 'search' }],
    [{ types: ['flag.deleted', 'flag.created'] }, { types: ['flag.deleted'] }],
    [{ actorId: 'system' }, { actorId: 'ada' }],
    [{ actorType: 'SYSTEM' }, { actorType: 'USER' }],
    [{ resourceType: 'flag' }, { resourceType: 'flag_schedule' }],
    [{ resourceId: 'f-1' }, { resourceId: 'f-2' }],
    [{ scheduleId }, { scheduleId: '01900000-0000-7000-8000-000000000009' }],
    [{ environment: 'production' }, { environment: 'staging' }],
    [{ workspaceId: 'w-1' }, { workspaceId: 'w-2' }],
    [{ requestId: 'r-1' }, { requestId: 'r-2' }],
    [{ apiKeyId: scheduleId }, { apiKeyId: '01900000-0000-7000-8000-000000000009' }],
    [{ ipAddress: '192.0.2.7' }, { ipAddress: '192.0.2.70' }],
    [{ result: 'SUCCESS' }, { result: 'DENIED' }],
    [{ from: new Date(1000) }, { from: new Date(1001) }],
    [{ to: new Date(1001) }, { to: new Date(1000) }],
    [{}, { types: [] }],
  ])('of %j takes the event, of %j does not', (taking, refusing) => {
    expect(matchesFilter(event, taking)).toBe(true);
    expect(matchesFilter(event, refusing)).toBe(false);
    expect(matchesFilter(event, { ...taking, ...refusing, flagKey: 'another' })).toBe(false);
  });

  it('of one environment takes what concerns all of them, such as a change of a flag’s status', () => {
    expect(matchesFilter({ ...event, allEnvironments: true }, { environment: 'staging' })).toBe(true);
  });

  it('of nulls restricts nothing', () => {
    expect(matchesFilter(event, { flagKey: null, types: null, actorId: null, scheduleId: null, from: null, to: null })).toBe(
      true,
    );
  });
});
