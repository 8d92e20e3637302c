import { describe, expect, it } from 'vitest';
import { systemActor } from '../access/model/actor.ts';
import { apiKeyEventTypes } from '../api-keys/model/api-key-event-types.ts';
import { applicationEventAliases, applicationEventTypes } from '../applications/model/event-types.ts';
import { completeEvent } from '../audit/model/audit-event.ts';
import { eventTypeSchema } from '../audit/model/event-types.ts';
import { ownEventTypes } from '../audit/model/own-event-types.ts';
import { environmentEventTypes } from '../environments/model/environment-event-types.ts';
import { flagEventTypes } from '../flags/model/flag-event-types.ts';
import { auditableReads } from '../flags/model/flag-reads.ts';
import { scheduleEventTypes } from '../schedules/model/schedule-event-types.ts';
import { auditEventSchema } from './audit-event.ts';
import { auditEventTypes, eventDescriptions, metadataSchemas } from './event-types.ts';

const wings = [scheduleEventTypes, flagEventTypes, environmentEventTypes, apiKeyEventTypes, applicationEventTypes, ownEventTypes];

describe('the catalogue', () => {
  it('has each type of every wing, none of them twice, with what its wing says of it', () => {
    expect(auditEventTypes).toEqual(wings.flatMap((types) => Object.keys(types)));
    for (const types of wings) {
      for (const [type, { description, metadata }] of Object.entries(types)) {
        expect([eventDescriptions, metadataSchemas]).toMatchObject([{ [type]: description }, { [type]: metadata }]);
      }
    }
  });

  it.each(auditEventTypes)('calls %s by a wire name, and describes it in a sentence', (type) => {
    expect(eventTypeSchema.parse(type)).toBe(type);
    expect(eventDescriptions[type]).toMatch(/^[A-Z].+\.$/);
  });

  it('has an event for each read that can be recorded', () => {
    expect(auditEventTypes).toEqual(expect.arrayContaining(auditableReads.map((read) => `flag.${read}`)));
  });

  it('has one short name for each event that applications record', () => {
    expect(Object.values(applicationEventAliases)).toEqual(Object.keys(applicationEventTypes));
  });
});

it('an event fits the schema that frontends import, and one of a type that no wing declares does not', () => {
  const draft = { actor: systemActor, description: 'made', metadata: {} };
  const fill = { id: '01900000-0000-7000-8000-000000000001', now: new Date(0), defaultEnvironment: 'production' };
  const event = completeEvent({ ...draft, eventType: 'flag.created' }, fill);
  expect(auditEventSchema.strict().parse(event)).toEqual(event);
  expect(auditEventSchema.safeParse({ ...event, eventType: 'flag.invented' }).success).toBe(false);
});
