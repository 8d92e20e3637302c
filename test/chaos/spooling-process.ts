// Creates a flag in the embedded database in the folder of its argument, whose audit_emit takes nothing, and dies between
// spooling the event and the commit.

import { pino } from 'pino';
import { v7 as uuidv7 } from 'uuid';
import { openPGlite } from '../../src/adapters/prisma/database.ts';
import { readLogId } from '../../src/adapters/prisma/outbox.ts';
import { makeInTransaction } from '../../src/adapters/prisma/unit-of-work.ts';
import { openSpool } from '../../src/adapters/sqlite/spool.ts';
import { makeCreateFlag } from '../../src/application/create-flag.ts';
import { makeOutboxGate } from '../../src/audit/outbox-gate.ts';
import type { Caller } from '../../src/domain/access/actor.ts';
import { completeEvent, toEntry } from '../../src/domain/audit/audit-event.ts';

const folder = process.argv[2] ?? '';
const { prisma } = await openPGlite(`${folder}/pglite`);
const clock = { now: () => new Date() };
const newId = () => uuidv7();
const spool = openSpool({ folder, maxBytes: 1_000_000, now: clock.now, newId, onProblem: () => {} });
const logger = pino({ level: 'silent' });
const gate = makeOutboxGate({
  spool: {
    ...spool,
    add: (events) => {
      const lost = spool.add(events);
      process.kill(process.pid, 'SIGKILL');
      return lost;
    },
  },
  logId: await readLogId(prisma),
  onSpooled: () => {},
  logger,
});
const inTransaction = makeInTransaction({
  prisma,
  toEntry: (draft) => toEntry(completeEvent(draft, { id: newId(), now: clock.now(), defaultEnvironment: 'production' })),
  gate,
  onCommitted: () => {},
  logger,
});
const admin: Caller = {
  actor: { type: 'USER', id: 'admin-a', name: null, email: null },
  userId: 'admin-a',
  roles: ['ADMIN'],
  sessionId: null,
  expiresAt: null,
  apiKeyId: null,
  requestContext: { ipAddress: null, userAgent: null, requestId: null, sessionId: null, apiKeyId: null },
};
await makeCreateFlag({ inTransaction, clock, newId })(admin, { key: 'never-committed', name: 'never committed' });
process.send?.('committed');
