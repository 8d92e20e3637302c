import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { execute, parse } from 'graphql';
import { beforeAll, describe, expect, it } from 'vitest';
import { actorTypes } from '../../src/access/model/actor.ts';
import { auditResults, completeEvent, type EventDraft, type LogEntry, toWire } from '../../src/audit/model/audit-event.ts';
import { splitLines } from '../../src/audit/model/entry.ts';
import type { AuditLog } from '../../src/audit/ports/audit-log.ts';
import { makeAuditLog } from '../../src/audit/store/audit-log.ts';
import { emitEntries } from '../../src/audit/store/outbox.ts';
import { wireEventSchema } from '../../src/catalogue/audit-event.ts';
import { type AuditEventType, auditEventTypes, toTypeName } from '../../src/catalogue/event-types.ts';
import { schema } from '../../src/compose/schema.ts';
import type { JsonObject } from '../../src/kernel/json.ts';
import { isStorableText } from '../../src/kernel/text.ts';
import { createPGliteDatabase, type TestDatabase } from '../support/databases.ts';
import { leafHashOf, linesOf, toTestLines } from '../support/log-entries.ts';
import { makeSpine, newId, type Spine } from '../support/spine.ts';

const text = fc.string({ unit: 'binary', maxLength: 60 }).filter(isStorableText);
/** The log keeps these as columns too, whose indexes take at most 2,000 bytes. */
const indexed = fc.oneof(text, fc.constantFrom('🦊'.repeat(500), '漢'.repeat(666), '\\', '\u007F\u0080\u2028', '{"a":1}'));
const number = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(
    0,
    -0,
    1e21,
    1e-7,
    5e-324,
    -5e-324,
    Number.MAX_VALUE,
    -Number.MAX_VALUE,
    Number.MAX_SAFE_INTEGER,
    Number.MIN_SAFE_INTEGER,
    0.1 + 0.2,
  ),
);
const json = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.oneof(fc.constant(null), fc.boolean(), number, text),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(text, tie('value'), { maxKeys: 3 }),
  ),
})).value as fc.Arbitrary<JsonObject[string]>;
const state = fc.option(fc.dictionary(text, json, { maxKeys: 4 }), { nil: undefined });
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { freq: 2 });

const draft = fc.record(
  {
    eventType: fc.constantFrom(...auditEventTypes),
    actor: fc.record({ type: fc.constantFrom(...actorTypes), id: indexed, name: maybe(text), email: maybe(text) }),
    description: text,
    metadata: fc.dictionary(text, json, { maxKeys: 4 }),
    occurredAt: fc.date({
      noInvalidDate: true,
      min: new Date('0001-01-01T00:00:00Z'),
      max: new Date('9999-12-31T23:59:59.999Z'),
    }),
    environment: text,
    allEnvironments: fc.boolean(),
    resource: maybe(fc.record({ type: text, id: indexed })),
    flagKey: maybe(indexed),
    scheduleId: maybe(fc.uuid()),
    workspaceId: maybe(indexed),
    previousState: state,
    newState: state,
    changes: fc.array(fc.record({ field: text, previousValue: json, newValue: json }), { maxLength: 3 }),
    result: fc.constantFrom(...auditResults),
    errorMessage: maybe(text),
    requestContext: maybe(
      fc.record({
        ipAddress: maybe(text),
        userAgent: maybe(text),
        requestId: maybe(indexed),
        sessionId: maybe(text),
        apiKeyId: maybe(text),
      }),
    ),
  },
  { requiredKeys: ['eventType', 'actor', 'description', 'metadata'] },
) as fc.Arbitrary<EventDraft>;

const query =
  parse(`query ($after: String, $first: Int) { auditEvents(order: OLDEST_FIRST, after: $after, first: $first) { edges { node {
  id position leafHash type eventType occurredAt actor { type id name email } resource { type id } flagKey scheduleId environment allEnvironments workspaceId
  previousState newState changes { field previousValue newValue } description metadata result errorMessage
  requestContext { ipAddress userAgent requestId sessionId apiKeyId } } } } }`);

describe('any event', () => {
  let db: TestDatabase;
  let spine: Spine;
  let log: AuditLog;
  beforeAll(async () => {
    db = await createPGliteDatabase();
    spine = await makeSpine(db.database);
    log = makeAuditLog(db.database.prisma);
  });

  /** The latest events as a client gets them: through JSON. */
  const askFor = async (after: number, first: number) => {
    const variableValues = { after: Buffer.from(`event:${after}`).toString('base64url'), first };
    const result = await execute({ schema, document: query, variableValues, contextValue: { app: { log } } });
    const { data, errors } = JSON.parse(JSON.stringify(result));
    expect(errors).toBeUndefined();
    return data.auditEvents.edges.map(({ node }: { node: object }) => node);
  };

  it('comes out of the log byte by byte as it went in, and whole in GraphQL and on the wire', async () => {
    const batches = fc.array(draft, { minLength: 1, maxLength: 20, size: 'max' });
    const roundTrip = async (drafts: EventDraft[]) => {
      const before = await log.size();
      const now = new Date();
      const events = drafts.map((made) => completeEvent(made, { id: newId(now), now, defaultEnvironment: 'production' }));
      const lines = events.map(toTestLines);
      const entries = lines.map((text) => splitLines(text).entry);
      expect(await emitEntries(db.database.prisma, lines)).toBe(true);
      await spine.sequence();

      const logged: LogEntry[] = await log.readAfter(before, 1000);
      expect(logged.map(({ entry }) => entry)).toEqual(entries);
      expect(logged.map(linesOf)).toEqual(lines);
      expect(logged.map(({ event }) => canonicalize(event))).toEqual(events.map((event) => canonicalize(event)));
      const hashes = await db.sql<{ hash: string }>(
        `SELECT encode(leaf_hash, 'hex') AS hash FROM audit_log WHERE position > $1 ORDER BY position`,
        [before],
      );
      expect(hashes.map(({ hash }) => hash)).toEqual(
        entries.map((entry) => createHash('sha256').update(Uint8Array.of(0)).update(entry).digest('hex')),
      );

      const expected = events.map(({ timestamp, ...event }, index) => ({
        ...event,
        position: before + index + 1,
        leafHash: leafHashOf(entries[index] ?? ''),
        type: toTypeName(event.eventType as AuditEventType),
        occurredAt: timestamp,
      }));
      const answered = await askFor(before, events.length);
      expect(answered.map(canonicalize)).toEqual(expected.map(canonicalize));

      const wire = logged.map((entry) => JSON.parse(JSON.stringify(toWire(entry))));
      const onWire = logged.map(({ position, sealedAt, leafHash }, index) => ({
        ...events[index],
        position,
        leafHash,
        sealedAt: sealedAt.toISOString(),
      }));
      expect(wire.map(canonicalize)).toEqual(onWire.map(canonicalize));
      for (const event of wire) expect(wireEventSchema.strict().safeParse(event).error).toBeUndefined();
    };
    await fc.assert(fc.asyncProperty(batches, roundTrip), { numRuns: 12 });
  });
});
