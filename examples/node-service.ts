import { setTimeout as pause } from 'node:timers/promises';
import { createAuditClient } from 'flagtrail/client';
import { pino } from 'pino';

// A service without a web server: it does some work every second, and records what it did. Run it with
//   FLAGTRAIL_URL=http://127.0.0.1:4000 FLAGTRAIL_TOKEN=… npm run example:node

const logger = pino();
const audit = createAuditClient({
  url: process.env.FLAGTRAIL_URL ?? 'http://127.0.0.1:4000',
  // Called before each request, so this is the place to renew a token that expires.
  token: () => process.env.FLAGTRAIL_TOKEN ?? '',
  logger: logger.child({ part: 'audit' }),
});

const stopping = new AbortController();
process.once('SIGTERM', () => stopping.abort());
process.once('SIGINT', () => stopping.abort());

/** The work, for example an export of a customer's data. */
const exportData = async (userId: string, workspaceId: string): Promise<void> => {
  const exportId = crypto.randomUUID();
  audit.auditDataExport(userId, workspaceId);
  const startedAt = new Date();
  await pause(200);
  // Not awaited: logging never waits for the network, and never throws.
  audit.logAuditEvent({
    type: 'data_export_completed',
    userId,
    workspaceId,
    resource: 'export',
    resourceId: exportId,
    details: { startedAt, rows: 1000n },
  });
  logger.info({ exportId }, 'exported');
};

logger.info('started: an export a second, until SIGTERM or Ctrl+C');
while (!stopping.signal.aborted) {
  await exportData('user-1', 'workspace-1');
  await pause(1000, undefined, { signal: stopping.signal }).catch(() => {});
}
await audit.close(5000);
logger.info(audit.stats(), 'stopped');
