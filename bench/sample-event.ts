import { randomBytes } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import type { Caller } from '../src/access/model/actor.ts';
import { makeDisclose, makeNewSalt } from '../src/audit/entry/disclose.ts';
import { completeEvent } from '../src/audit/model/audit-event.ts';
import { splitLines, toLines } from '../src/audit/model/entry.ts';
import { planSchedule } from '../src/schedules/model/schedule.ts';
import { scheduleCreated } from '../src/schedules/model/schedule-events.ts';

const caller: Caller = {
  actor: { type: 'USER', id: 'bench-admin', name: 'Bench', email: 'bench@example.com' },
  userId: 'bench-admin',
  roles: ['ADMIN'],
  sessionId: null,
  expiresAt: null,
  apiKeyId: null,
  requestContext: { ipAddress: '127.0.0.1', userAgent: 'bench', requestId: uuidv7(), sessionId: null, apiKeyId: null },
};

const disclose = makeDisclose({ newSalt: makeNewSalt({ randomBytes }) });

/** An entry as large as the one that createSchedule writes. */
export const sampleEntry = () => {
  const now = new Date();
  const id = uuidv7();
  const schedule = planSchedule(
    { id: uuidv7(), createdBy: 'bench-admin', now },
    { id: uuidv7(), key: 'flag-1' },
    {
      flagKey: 'flag-1',
      environment: 'production',
      scheduledAt: new Date(now.getTime() + 86_400_000),
      updates: { enabled: true, rolloutPercentage: 25 },
    },
  );
  const event = completeEvent(scheduleCreated(caller, schedule), { id, now, defaultEnvironment: 'production' });
  return { id, entry: toLines(event, disclose) };
};

/** A login, of which no table knows anything: a log of them has no states to compare. Also its disclosures, apart. */
export const sampleLogin = () => {
  const { actor, requestContext } = caller;
  const id = uuidv7();
  const event = completeEvent(
    {
      ...{ eventType: 'auth.login', actor, requestContext, resource: { type: 'user', id: actor.id } },
      ...{ description: 'bench-admin logged in', metadata: { recordedBy: { id: 'bench' }, details: { device: 'phone' } } },
    },
    { id, now: new Date(), defaultEnvironment: 'production' },
  );
  return { id, ...splitLines(toLines(event, disclose)) };
};
