import { createPostgresDatabase, type PostgresTestDatabase } from './databases.ts';
import { type EventFields, emitEvents } from './emit.ts';
import { logNameOf, makeLogSigner, readLeaves, rootOf, signLog } from './log-signer.ts';
import { addDue, anAdmin, makeSpine, manualClock } from './spine.ts';

/** The events that fill a log: logins, of which no table knows anything. */
export const aLogin = (n: number): EventFields => ({
  eventType: 'auth.login',
  actor: { type: 'USER', id: `user-${n}`, name: `User ${n}`, email: `user-${n}@example.com` },
  resource: { type: 'user', id: `user-${n}` },
  flagKey: null,
  previousState: null,
  newState: null,
  changes: [],
  description: `User ${n} logged in`,
  metadata: { action: 'login', details: { device: `phone ${n}` } },
  requestContext: { ipAddress: `192.0.2.${n % 250}`, userAgent: 'test', requestId: `r-${n}`, sessionId: null, apiKeyId: null },
});

/** What the admins do in the story: flags, states, rules, environments, schedules. */
const story = async (database: PostgresTestDatabase) => {
  const clock = manualClock();
  const spine = await makeSpine(database.database, { clock });
  const ada = anAdmin('ada');
  await spine.createFlag(ada, { key: 'checkout', name: 'Checkout', type: 'BOOLEAN', tags: ['web'] });
  await spine.createFlag(ada, { key: 'search', name: 'Search' });
  await spine.createFlag(ada, { key: 'gone', name: 'Gone' });
  await spine.createEnvironment(ada, { key: 'qa', name: 'QA' });
  await spine.updateFlagState(ada, {
    flagKey: 'checkout',
    environment: 'production',
    updates: { enabled: true, rolloutPercentage: 25 },
  });
  await spine.updateFlagState(ada, { flagKey: 'search', environment: 'qa', updates: { enabled: true } });
  await spine.deleteFlag(ada, { flagKey: 'gone' });
  await addDue(spine, clock, { flagKey: 'checkout', environment: 'staging', minutesAgo: 1 });
  clock.at = new Date();
  await spine.applyDue();
  const scheduledAt = new Date(Date.now() + 86_400_000);
  await spine.createSchedule(ada, { flagKey: 'search', environment: 'production', scheduledAt, updates: { enabled: true } });
  await spine.sequence();
  return spine;
};

/**
 * A log of about 600 events on PostgreSQL, with two full tiles and the start of a third, and with what the admins did at its
 * start and at its end. It is signed at a few sizes and at its end.
 */
export const makeSignedLog = async () => {
  const database = await createPostgresDatabase();
  const spine = await story(database);
  await emitEvents(
    database,
    Array.from({ length: 580 }, (_, n) => aLogin(n)),
  );
  await spine.sequence();
  await spine.updateFlagState(anAdmin('bob'), { flagKey: 'search', environment: 'staging', updates: { enabled: true } });
  await spine.sequence();
  const signer = makeLogSigner(await logNameOf(database));
  const leaves = await readLeaves(database);
  const sizes = [100, 300, 540, leaves.length];
  const notes = await signLog(database, signer, sizes);
  return { database, spine, signer, leaves, size: leaves.length, notes, root: (size: number) => rootOf(leaves.slice(0, size)) };
};

export type SignedLog = Awaited<ReturnType<typeof makeSignedLog>>;
