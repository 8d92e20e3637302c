import { type AuditClient, makeAuditClient } from './audit-client.ts';
import { type AuditClientOptions, toSettings } from './options.ts';
import { realWorld } from './world.ts';

// What applications import as flagtrail/client.

export type { AuditClient, AuditClientStats } from './audit-client.ts';
export type { AuditEvent, AuditEventName } from './audit-event.ts';
export type { AuditClientLogger } from './logger.ts';
export type { AuditClientOptions } from './options.ts';

/** A client of its own. Throws a TypeError where the options are wrong; from then on nothing throws. */
export const createAuditClient = (options: AuditClientOptions): AuditClient => {
  const settings = toSettings(options);
  const { configure, ...client } = makeAuditClient(realWorld);
  configure(settings);
  return client;
};

const { configure, ...defaultClient } = makeAuditClient(realWorld);

/**
 * Configures the client behind the functions below; once more changes its options, or opens it again after `close`. What was
 * logged before waits for it, in memory. Throws a TypeError where the options are wrong.
 */
export const configureAuditClient = (options: AuditClientOptions): void => configure(toSettings(options));

/** The default client's functions: see `AuditClient`. */
export const {
  logAuditEvent,
  auditLogin,
  auditLogout,
  auditDataExport,
  auditDataDeletion,
  auditSettingsChange,
  flush,
  close,
  stats,
} = defaultClient;
