import { expect, it } from 'vitest';
import { toTestLines } from '../../../test/support/log-entries.ts';
import type { Caller } from '../../access/model/actor.ts';
import type { EventDraft } from '../../audit/model/audit-event.ts';
import { completeEvent } from '../../audit/model/audit-event.ts';
import type { Recorded } from '../../audit/ports/audit-log.ts';
import type { Transaction } from '../../compose/unit-of-work.ts';
import type { AuditEventInput } from '../model/event-input.ts';
import { makeRecordAuditEvents } from './record-audit-events.ts';

const now = new Date('2026-01-01T00:00:00Z');
const id = '01a1f982-b765-7234-9c18-c6bbea276b36';
const callerCalled = (name: string): Caller => ({
  actor: { type: 'API', id: 'key-1', name, email: null },
  userId: 'key-1',
  roles: ['AUDIT_WRITER'],
  sessionId: null,
  expiresAt: null,
  apiKeyId: 'key-1',
  requestContext: { ipAddress: null, userAgent: null, requestId: null, sessionId: null, apiKeyId: 'key-1' },
});

const record = async (caller: Caller, events: Partial<AuditEventInput>[], recorded: [string, Recorded][] = []) => {
  const drafts: EventDraft[] = [];
  const logEvent = (draft: EventDraft) => {
    drafts.push(draft);
    return { ok: true } as const;
  };
  const recordAuditEvents = makeRecordAuditEvents({
    inTransaction: (work) => work({ audit: { logEvent } } as Partial<Transaction> as Transaction),
    findRecorded: async () => new Map(recorded),
    clock: { now: () => now },
  });
  const results = await recordAuditEvents(caller, { events: events.map((event) => ({ id, type: 'login', ...event })) });
  return { results, drafts };
};

it('refuses an event that would take more than 256 KiB in the log, and takes the next one of its id', async () => {
  const { results, drafts } = await record(callerCalled('x'.repeat(300_000)), [{ userName: null }, { userId: 'u1' }]);
  expect(results).toEqual([
    { id, status: 'REFUSED', issues: [{ path: [], message: expect.stringContaining('262144 bytes') }] },
    { id, status: 'RECORDED', issues: [] },
  ]);
  expect(drafts).toHaveLength(1);
});

it('makes no entry of more than 256 KiB of what it takes: the largest event is recorded', async () => {
  const control = (length: number) => '\u0001'.repeat(length);
  const [previousValue, newValue] = [1, 2].map((value) =>
    Object.fromEntries(Array.from({ length: 3300 }, (_, n) => [n.toString(36), value])),
  );
  const largest = {
    ...{ type: 'settings_changed', previousValue, newValue, details: 'x'.repeat(1000) },
    ...{
      userId: control(255),
      userName: control(255),
      userEmail: control(320),
      userAgent: control(512),
      ipAddress: control(255),
    },
    ...{ workspaceId: control(255), sessionId: control(255), requestId: control(255), action: control(255) },
    ...{ resource: control(255), resourceId: control(255), errorMessage: control(2000) },
  };
  const { results, drafts } = await record(callerCalled('billing'), [largest]);
  expect(results).toMatchObject([{ status: 'RECORDED' }]);
  const bytes = drafts.map((draft) => toTestLines(completeEvent(draft, { id, now, defaultEnvironment: 'production' })).length);
  expect(bytes[0]).toBeLessThan(256 * 1024);
  expect(bytes[0]).toBeGreaterThan(128 * 1024);
});

it('answers of an id that is as long as a request only its beginning', async () => {
  const { results } = await record(callerCalled('billing'), [{ id: 'x'.repeat(1_000_000) }]);
  expect(results).toMatchObject([{ id: 'x'.repeat(100), status: 'REFUSED', issues: [{ path: ['id'] }] }]);
});

it.each<[string, Recorded, string]>([
  ['the same', { type: 'auth.login', recorderId: 'key-1' }, 'DUPLICATE'],
  ['of another type', { type: 'auth.logout', recorderId: 'key-1' }, 'REFUSED'],
  ['of another sender', { type: 'auth.login', recorderId: 'key-2' }, 'REFUSED'],
  ["Flagtrail's own", { type: 'auth.login', recorderId: null }, 'REFUSED'],
])('knows an id by the event that was recorded: one that is %s', async (_what, earlier, status) => {
  const { results, drafts } = await record(callerCalled('billing'), [{}], [[id, earlier]]);
  const issues = status === 'REFUSED' ? [{ path: ['id'], message: 'was used for another event' }] : [];
  expect(results).toEqual([{ id, status, issues }]);
  expect(drafts).toEqual([]);
});

it('knows an id by an earlier event of the same batch', async () => {
  const { results, drafts } = await record(callerCalled('billing'), [{}, { userId: 'u1' }, { type: 'logout' }]);
  expect(results.map(({ status }) => status)).toEqual(['RECORDED', 'DUPLICATE', 'REFUSED']);
  expect(drafts).toHaveLength(1);
});
