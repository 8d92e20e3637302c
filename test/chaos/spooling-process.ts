// Creates a flag in the embedded database in the folder of its first argument, whose outbox it makes refuse events, and dies: as its
// second argument says `before-commit`, between spooling the event and the commit; or `after-commit` of a change of the flag.

import { pino } from 'pino';
import { v7 as uuidv7 } from 'uuid';
import type { Caller } from '../../src/access/model/actor.ts';
import { makeEntryWriter } from '../../src/audit/entry/entry-writer.ts';
import { openSpool } from '../../src/audit/spool/spool.ts';
import { emitEntries, fatesOf, readLogId } from '../../src/audit/store/outbox.ts';
import { composeApp } from '../../src/compose/app.ts';
import { makeInTransaction } from '../../src/compose/unit-of-work.ts';
import { openDatabases } from '../../src/database/open-database.ts';

const [folder = '', end = ''] = process.argv.slice(2);
const die = () => process.kill(process.pid, 'SIGKILL');
const place = { databaseUrl: null, databaseConnections: 1, dataDir: folder };
const { prisma, runScript } = (await openDatabases(place, { pools: 'one', schema: 'any' })).commands;
await runScript(`
  CREATE FUNCTION refuse_events() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
  CREATE TRIGGER refuse_events BEFORE INSERT ON audit_outbox FOR EACH ROW EXECUTE FUNCTION refuse_events()`);
const clock = { now: () => new Date() };
const newId = () => uuidv7();
const spool = openSpool({ folder, maxBytes: 1_000_000, now: clock.now, newId, onProblem: () => {} });
const logger = pino({ level: 'silent' });
const surroundings = { clock, newId, random: Math.random, logger };
const writer = makeEntryWriter({
  spool: {
    ...spool,
    add: (events) => {
      const lost = spool.add(events);
      if (end === 'before-commit') die();
      return lost;
    },
  },
  logId: await readLogId(prisma),
  emit: (entries) => emitEntries(prisma, entries),
  fatesOf: (ids) => fatesOf(prisma, ids),
  onRecorded: () => {},
  defaultEnvironment: 'production',
  ...surroundings,
});
const inTransaction = makeInTransaction({ prisma, ...writer.ofTransactions, logger });
const admin: Caller = {
  actor: { type: 'USER', id: 'admin-a', name: null, email: null },
  userId: 'admin-a',
  roles: ['ADMIN'],
  sessionId: null,
  expiresAt: null,
  apiKeyId: null,
  requestContext: { ipAddress: null, userAgent: null, requestId: null, sessionId: null, apiKeyId: null },
};
const settings = { defaultEnvironment: 'production', auditReads: [] };
const app = composeApp(settings, { inTransaction, reads: { prisma }, audit: writer.audit }, surroundings);
await app.createFlag(admin, { key: 'checkout', name: 'checkout' });
await app.updateFlagState(admin, { flagKey: 'checkout', environment: 'production', updates: { rolloutPercentage: 1 } });
die();
