// Creates a flag in the embedded database in the folder of its first argument, whose outbox it makes refuse events, and dies: as its
// second argument says `before-commit`, between spooling the event and the commit; or `after-commit` of a change of the flag.

import { pino } from 'pino';
import { v7 as uuidv7 } from 'uuid';
import type { Caller } from '../../src/access/model/actor.ts';
import { composeApp } from '../../src/compose/app.ts';
import { composeEntries } from '../../src/compose/entries.ts';
import { openDatabases } from '../../src/database/open-database.ts';

const [folder = '', end = ''] = process.argv.slice(2);
const die = () => process.kill(process.pid, 'SIGKILL');
const place = { databaseUrl: null, databaseConnections: 1, dataDir: folder };
const { commands: database } = await openDatabases(place, { pools: 'one', schema: 'any' });
await database.runScript(`
  CREATE FUNCTION refuse_events() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
  CREATE TRIGGER refuse_events BEFORE INSERT ON audit_outbox FOR EACH ROW EXECUTE FUNCTION refuse_events()`);
const clock = { now: () => new Date() };
const newId = () => uuidv7();
const logger = pino({ level: 'silent' });
const surroundings = { clock, newId, random: Math.random, logger };
const settings = { dataDir: folder, maxSpoolBytes: 1_000_000, defaultEnvironment: 'production', auditReads: [] };
const { spool, writer, inTransactionOn } = await composeEntries(settings, database, surroundings, { onRecorded: () => {} });
const { add } = spool;
spool.add = (events) => {
  const lost = add(events);
  if (end === 'before-commit') die();
  return lost;
};
const admin: Caller = {
  actor: { type: 'USER', id: 'admin-a', name: null, email: null },
  userId: 'admin-a',
  roles: ['ADMIN'],
  sessionId: null,
  expiresAt: null,
  apiKeyId: null,
  requestContext: { ipAddress: null, userAgent: null, requestId: null, sessionId: null, apiKeyId: null },
};
const app = composeApp(
  settings,
  { inTransaction: inTransactionOn(database), reads: database, audit: writer.audit },
  surroundings,
);
await app.createFlag(admin, { key: 'checkout', name: 'checkout' });
await app.updateFlagState(admin, { flagKey: 'checkout', environment: 'production', updates: { rolloutPercentage: 1 } });
die();
