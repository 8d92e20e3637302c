import { type AuditClient, makeAuditClient } from './audit-client.ts';
import { type AuditClientOptions, toSettings } from './options.ts';
import { realWorld } from './world.ts';

// The exports of flagtrail/client.

export type { AuditClient, AuditClientStats } from './audit-client.ts';
export type { AuditEvent, AuditEventName } from './audit-event.ts';
export type { AuditClientLogger } from './logger.ts';
export type { AuditClientOptions } from './options.ts';

/** Creates a separate client. Throws a TypeError if the options are wrong; afterwards nothing throws. */
export const createAuditClient = (options: AuditClientOptions): AuditClient => {
  const settings = toSettings(options);
  const { configure, ...client } = makeAuditClient(realWorld);
  configure(settings);
  return client;
};

const { configure, ...defaultClient } = makeAuditClient(realWorld);

/**
 * Configures the client behind the functions below. Calling it again changes the options, or reopens the client after `close`.
 * Events that were logged earlier wait in memory. Throws a TypeError if the options are wrong.
 */
export const configureAuditClient = (options: AuditClientOptions): void => configure(toSettings(options));

/** The functions of the default client: see `AuditClient`. */
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
