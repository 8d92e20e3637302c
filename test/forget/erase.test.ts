import { v7 as uuidv7 } from 'uuid';
import { describe, expect, it } from 'vitest';
import type { Caller } from '../../src/access/model/actor.ts';
import { completeEvent, type EventDraft } from '../../src/audit/model/audit-event.ts';
import { PersonNotFoundError } from '../../src/audit/model/person-erased.ts';
import { eraseSome } from '../../src/audit/store/erasures.ts';
import { makeTree } from '../../src/transparency/store/tree-store.ts';
import { breakages, breakEmit } from '../support/breakages.ts';
import { createPostgresDatabase, databases, openBeside, type TestDatabase } from '../support/databases.ts';
import { toTestLines } from '../support/log-entries.ts';
import { anAdmin, makeSpine, type Spine } from '../support/spine.ts';
import { emitEntries, readLog } from '../support/tables.ts';

/** An admin of whom the log learns everything that it can learn of a person. */
const aPerson = (id: string): Caller => ({
  ...anAdmin(id, `${id}@mail.example`),
  actor: { type: 'USER', id, name: `Name of ${id}`, email: `${id}@mail.example` },
  requestContext: {
    ipAddress: `192.0.2.${id.length}`,
    userAgent: `Browser of ${id}`,
    requestId: 'r-1',
    sessionId: `session of ${id}`,
    apiKeyId: null,
  },
});
const admin = anAdmin('officer', 'officer@mail.example');
const request = (actorId: string) => ({ actorId, reason: 'request 17' });
const traceOf = (id: string) => [`Name of ${id}`, `${id}@mail.example`, `Browser of ${id}`, `session of ${id}`];

/** What an application recorded about a person, in its own words. */
const recordAbout = (spine: Spine, id: string) =>
  spine.recordAuditEvents(anAdmin('shop'), {
    events: [
      {
        ...{ id: uuidv7(), type: 'settings.changed', userId: id, userName: `Name of ${id}`, userEmail: `${id}@mail.example` },
        ...{ ipAddress: `192.0.2.${id.length}`, userAgent: `Browser of ${id}`, sessionId: `session of ${id}` },
        ...{
          details: { words: `Name of ${id}` },
          previousValue: `Name of ${id}`,
          newValue: 'gone',
          errorMessage: `Name of ${id}`,
        },
        ...{ action: 'rename', resource: 'profile', resourceId: 'p-1', requestId: 'r-2' },
      },
    ],
  } as never);

const all = async (lines: AsyncIterable<string>): Promise<string[]> => {
  const found: string[] = [];
  for await (const line of lines) found.push(line);
  return found;
};

const bytesOf = async ({ sql }: TestDatabase): Promise<string> =>
  JSON.stringify(await sql('SELECT * FROM audit_log l LEFT JOIN audit_disclosures d USING (position) ORDER BY position'));
const rootOf = async ({ sql }: TestDatabase) =>
  sql(`SELECT size, encode(root_hash, 'hex') AS root FROM audit_head`).then(([head]) => head);
const finish = async ({ database }: TestDatabase, limit = 1000) => {
  while (await eraseSome(database.prisma, limit));
};
const eventsOf = async (spine: Spine, actorId: string) =>
  (await spine.log.list({ actorId }, { limit: 5000, inverted: false })).map(({ event }) => event);

describe.each(databases)('the data of a person who is erased, on $kind,', ({ createDatabase }) => {
  it('is shown to nobody from then on, and is nowhere once the job is done; the rest and every proof stay', async () => {
    const db = await createDatabase();
    const spine = await makeSpine(db.database);
    await spine.createFlag(aPerson('ada'), { key: 'checkout', name: 'checkout' });
    await recordAbout(spine, 'ada');
    await spine.createFlag(aPerson('bob'), { key: 'other', name: 'other' });
    await recordAbout(spine, 'bob');
    await spine.sequence();
    const [before, root] = [await readLog(db), await rootOf(db)];
    expect(before.filter(({ actor }) => actor.name === 'Name of ada')).toHaveLength(2);

    const erasure = await spine.erasePerson(admin, request('ada'));
    expect(erasure).toEqual({ actorId: 'ada', erasedAt: expect.any(Date), events: 2, notErasable: 0 });
    // The job has not run, and yet no reader shows any of it.
    expect(await rootOf(db)).toEqual(root);
    const shown = await eventsOf(spine, 'ada');
    for (const trace of traceOf('ada')) expect(JSON.stringify(shown)).not.toContain(trace);
    expect(await spine.log.count({ ipAddress: '192.0.2.3' })).toBe(2);
    expect(
      (await spine.log.list({ ipAddress: '192.0.2.3' }, { limit: 9, inverted: false })).map(({ event }) => event.actor.id),
    ).toEqual(['bob', 'bob']);
    const served = (await all(makeTree(db.database.prisma).disclosures(0, 4))).join('\n');
    for (const trace of traceOf('ada')) expect(served).not.toContain(trace);
    for (const trace of traceOf('bob')) expect(served).toContain(trace);
    const flag = await spine.flags.find('checkout');
    expect((await spine.flags.creatorsOf([flag?.id ?? ''])).get(flag?.id ?? '')).toEqual({
      type: 'USER',
      id: 'ada',
      name: null,
      email: null,
    });

    await finish(db);
    await spine.sequence();
    const log = await readLog(db);
    for (const trace of [...traceOf('ada'), 'gone']) {
      const kept = (await bytesOf(db)).split(trace).length - 1;
      expect(kept, trace).toBe(trace === 'gone' ? JSON.stringify(before[3]).split(trace).length - 1 : 0);
    }
    expect(log.slice(0, 4)).toEqual([
      {
        ...before[0],
        actor: { type: 'USER', id: 'ada', name: null, email: null },
        requestContext: { ...before[0]?.requestContext, ipAddress: null, userAgent: null, sessionId: null },
        metadata: { ...before[0]?.metadata, adminEmail: null },
      },
      {
        ...before[1],
        actor: { type: 'USER', id: 'ada', name: null, email: null },
        requestContext: { ...before[1]?.requestContext, ipAddress: null, userAgent: null, sessionId: null },
        metadata: { ...before[1]?.metadata, details: null, previousValue: null, newValue: null },
        description: 'The description of this event was erased.',
        ...{ errorMessage: null, previousState: null, newState: null, changes: [] },
      },
      before[2],
      before[3],
    ]);
    expect(log[1]?.metadata).toMatchObject({ action: 'rename', recordedBy: { id: 'shop' } });
    expect(log.slice(4)).toMatchObject([
      {
        eventType: 'person.erased',
        actor: { id: 'officer', email: 'officer@mail.example' },
        resource: { type: 'person', id: 'ada' },
        metadata: { actorId: 'ada', reason: 'request 17', events: 2, notErasable: 0 },
      },
    ]);
  });

  it('is erased once: asking again tells the same, and records nothing; what the person did since is erased anew', async () => {
    const db = await createDatabase();
    const spine = await makeSpine(db.database);
    await expect(spine.erasePerson(admin, request('ada'))).rejects.toThrow(PersonNotFoundError);
    await spine.createFlag(aPerson('ada'), { key: 'checkout', name: 'checkout' });
    await spine.sequence();
    const first = await spine.erasePerson(admin, request('ada'));
    await spine.sequence();
    expect(await spine.erasePerson(admin, request('ada'))).toEqual(first);
    await finish(db);
    expect(await spine.erasePerson(admin, request('ada'))).toEqual(first);
    await spine.createFlag(aPerson('ada'), { key: 'later', name: 'later' });
    await spine.sequence();
    expect((await eventsOf(spine, 'ada')).map(({ actor }) => actor.name)).toEqual([null, 'Name of ada']);
    expect(await spine.erasePerson(admin, request('ada'))).toMatchObject({ events: 2 });
    expect((await eventsOf(spine, 'ada')).map(({ actor }) => actor.name)).toEqual([null, null]);
    await finish(db);
    await spine.sequence();
    expect(await bytesOf(db)).not.toContain('Name of ada');
    expect((await readLog(db)).filter(({ eventType }) => eventType === 'person.erased')).toHaveLength(2);
  });

  it('is not in the event of an erasure that an admin asks for of their own', async () => {
    const db = await createDatabase();
    const spine = await makeSpine(db.database);
    await spine.createFlag(aPerson('ada'), { key: 'checkout', name: 'checkout' });
    await spine.sequence();
    const first = await spine.erasePerson(aPerson('ada'), request('ada'));
    await spine.sequence();
    await finish(db);
    expect(await bytesOf(db)).not.toMatch(/Name of ada|mail\.example|192\.0\.2/);
    expect((await readLog(db)).at(-1)).toMatchObject({
      eventType: 'person.erased',
      actor: { id: 'ada', name: null },
      metadata: { adminUserId: 'ada', adminEmail: null },
    });
    expect(await spine.erasePerson(aPerson('ada'), request('ada'))).toEqual(first);
  });

  it('stays in entries of older releases, which say it themselves: the answer counts them', async () => {
    const db = await createDatabase();
    const spine = await makeSpine(db.database);
    const { actor, requestContext } = aPerson('ada');
    const draft: EventDraft = { eventType: 'flag.created', actor, requestContext, description: 'x', metadata: {} };
    const complete = () => completeEvent(draft, { id: uuidv7(), now: new Date(), defaultEnvironment: 'production' });
    const inClear = (event: object) => JSON.stringify(Object.fromEntries(Object.entries(event).toSorted()));
    await emitEntries(db, [inClear(complete()), toTestLines(complete()), inClear(complete())]);
    await spine.sequence();
    expect(await spine.erasePerson(admin, request('ada'))).toMatchObject({ events: 1, notErasable: 2 });
    await finish(db);
    expect((await eventsOf(spine, 'ada')).map((event) => event.actor.name)).toEqual(['Name of ada', null, 'Name of ada']);
    // The copy for filters can be erased.
    expect(await spine.log.count({ ipAddress: '192.0.2.3' })).toBe(0);
  });

  it('does not come back with events that were on their way: in the outbox, or in a spool for long', async () => {
    const db = await createDatabase();
    const spine = await makeSpine(db.database);
    await spine.createFlag(aPerson('ada'), { key: 'checkout', name: 'checkout' });
    await spine.sequence();
    await recordAbout(spine, 'ada');
    const repair = await breakEmit(db, breakages.find(({ title }) => title === 'returns null') ?? expect.unreachable());
    await spine.createFlag(aPerson('ada'), { key: 'spooled', name: 'spooled' });
    expect(spine.spool.counts().spooled).toBe(1);
    await repair();
    // Another process, whose outbox was never broken.
    const other = await makeSpine(db.database);
    await other.erasePerson(admin, request('ada'));
    await finish(db);
    await spine.replay();
    await spine.sequence();
    expect(await eventsOf(spine, 'ada')).toHaveLength(3);
    for (const trace of traceOf('ada')) expect(await bytesOf(db)).not.toContain(trace);
    await readLog(db);
  });
});

describe('an erasure of a person with many events', () => {
  it('is done in bounded steps; another process goes on with it after a crash, and readers never see the difference', async () => {
    const db = await createPostgresDatabase();
    const spine = await makeSpine(db.database);
    const { actor } = aPerson('ada');
    const lines = Array.from({ length: 2_500 }, () =>
      toTestLines(
        completeEvent(
          { eventType: 'flag.created', actor, description: 'x', metadata: {} },
          { id: uuidv7(), now: new Date(), defaultEnvironment: 'production' },
        ),
      ),
    );
    await emitEntries(db, lines);
    await spine.sequence();
    expect(await spine.erasePerson(admin, request('ada'))).toMatchObject({ events: 2_500 });
    const left = async () =>
      Number(
        (await db.sql<{ n: number }>(`SELECT count(*) AS n FROM audit_disclosures WHERE disclosures LIKE '%Name of ada%'`))[0]?.n,
      );
    const shown = async () => new Set((await eventsOf(spine, 'ada')).map((event) => event.actor.name));
    expect([await left(), await shown()]).toEqual([2_500, new Set([null])]);
    expect(await eraseSome(db.database.prisma, 1000)).toBe(true);
    expect([await left(), await shown()]).toEqual([1_500, new Set([null])]);
    // A process that dies within a step leaves the step undone.
    await db.sql('BEGIN');
    await db.sql('SELECT audit_erase(1000)');
    const beside = await openBeside(db.url, 1);
    expect(await eraseSome(beside.prisma, 1000)).toBe(false);
    await db.sql('ROLLBACK');
    expect([await left(), await shown()]).toEqual([1_500, new Set([null])]);
    while (await eraseSome(beside.prisma, 1000));
    expect([await left(), await shown()]).toEqual([0, new Set([null])]);
  });

  it('leaves nothing behind, whatever is written, sequenced and removed while it begins', async () => {
    const db = await createPostgresDatabase();
    const spine = await makeSpine(db.database);
    await spine.createFlag(aPerson('ada'), { key: 'first', name: 'first' });
    await spine.sequence();
    const others = await Promise.all(Array.from({ length: 3 }, async () => makeSpine(await openBeside(db.url, 2))));
    let isErased = false;
    const busy = others.map(async (other, process) => {
      for (let n = 0; !isErased && n < 500; n++) {
        const key = `flag-${process}-${n}`;
        await other.createFlag(aPerson('ada'), { key, name: key });
        await other.sequence();
      }
    });
    const { erasedAt } = await spine.erasePerson(admin, request('ada'));
    isErased = true;
    await Promise.all(busy);
    await spine.sequence();
    await finish(db, 7);
    const late = (await eventsOf(spine, 'ada')).filter(({ timestamp }) => new Date(timestamp) <= erasedAt);
    expect(new Set(late.map(({ actor }) => actor.name))).toEqual(new Set([null]));
    await readLog(db);
  });
});
