import { z } from 'zod';

// What other applications record (recordAuditEvents): security events of theirs, with one form of metadata for all.

/** The names that applications may use instead of the wire names. */
export const externalEventAliases = {
  login: 'auth.login',
  logout: 'auth.logout',
  data_export_requested: 'data_export.requested',
  data_export_completed: 'data_export.completed',
  data_delete_requested: 'data_delete.requested',
  data_delete_completed: 'data_delete.completed',
  subscription_created: 'subscription.created',
  subscription_cancelled: 'subscription.cancelled',
  settings_changed: 'settings.changed',
  oauth_connected: 'oauth.connected',
  oauth_disconnected: 'oauth.disconnected',
  admin_action: 'admin.action',
} as const;

export type ExternalEventType = (typeof externalEventAliases)[keyof typeof externalEventAliases];

export const externalEventTypes = Object.values(externalEventAliases);

/** Who sent an event: a service vouches for what it says of others. */
export const recorderSchema = z.object({
  type: z.string(),
  id: z.string(),
  /** The userId of the person for whom an API key spoke. */
  onBehalfOf: z.string().nullable(),
});
export type Recorder = z.infer<typeof recorderSchema>;

const metadata = z.object({
  /** What was done, in the application's own words. */
  action: z.string().nullable(),
  details: z.json(),
  previousValue: z.json(),
  newValue: z.json(),
  recordedBy: recorderSchema,
});

export const externalMetadataSchemas = Object.fromEntries(externalEventTypes.map((type) => [type, metadata])) as Record<
  ExternalEventType,
  typeof metadata
>;

export const externalEventDescriptions: Record<ExternalEventType, string> = {
  'auth.login': 'Somebody logged in to an application.',
  'auth.logout': 'Somebody logged out of an application.',
  'data_export.requested': 'Somebody asked an application for an export of data.',
  'data_export.completed': 'An application has finished an export of data.',
  'data_delete.requested': 'Somebody asked an application to delete data.',
  'data_delete.completed': 'An application has deleted data.',
  'subscription.created': 'A subscription of an application began.',
  'subscription.cancelled': 'A subscription of an application was cancelled.',
  'settings.changed': "An application's settings were changed.",
  'oauth.connected': 'Somebody connected an account of another service with an application.',
  'oauth.disconnected': 'Somebody disconnected an account of another service from an application.',
  'admin.action': 'An administrator of an application did something.',
};
