import { z } from 'zod';
import type { DraftOf } from '../../audit/model/audit-event.ts';
import type { EventTypes } from '../../audit/model/event-types.ts';
import { recorderSchema } from '../../audit/model/recorder.ts';

/** The fields of an event that its metadata repeats unchanged. */
const verbatimShape = {
  /** What was done, in the application's own words. */
  action: z.string().nullable(),
  details: z.json(),
  previousValue: z.json(),
  newValue: z.json(),
};
export const verbatimFields = Object.keys(verbatimShape) as (keyof typeof verbatimShape)[];

const metadata = z.object({ ...verbatimShape, recordedBy: recorderSchema });

/** Security events that other applications record (recordAuditEvents). They all have the same metadata. */
export const applicationEventTypes = {
  'auth.login': { description: 'A user logged in to an application.', metadata },
  'auth.logout': { description: 'A user logged out of an application.', metadata },
  'data_export.requested': { description: 'A user asked an application for an export of data.', metadata },
  'data_export.completed': { description: 'An application finished an export of data.', metadata },
  'data_delete.requested': { description: 'A user asked an application to delete data.', metadata },
  'data_delete.completed': { description: 'An application deleted data.', metadata },
  'subscription.created': { description: 'A subscription to an application began.', metadata },
  'subscription.cancelled': { description: 'A subscription to an application was cancelled.', metadata },
  'settings.changed': { description: "An application's settings were changed.", metadata },
  'oauth.connected': { description: 'A user connected an account of another service to an application.', metadata },
  'oauth.disconnected': { description: 'A user disconnected an account of another service from an application.', metadata },
  'admin.action': { description: 'An administrator of an application took an action.', metadata },
} as const satisfies EventTypes;

export type ApplicationEventType = keyof typeof applicationEventTypes;
export type ApplicationEventDraft<Type extends ApplicationEventType = ApplicationEventType> = DraftOf<
  typeof applicationEventTypes,
  Type
>;

/** Short names that applications can use instead of the wire names, one for each type. */
export const applicationEventAliases = {
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
} as const satisfies Record<string, ApplicationEventType>;

export const applicationEventTypeNames = Object.values(applicationEventAliases);
