import type { Actor, Caller } from '../../access/model/actor.ts';
import { describeChanges, diffStates, type FieldChange } from '../../audit/model/changes.ts';
import type { OwnEventDraft } from '../../audit/model/own-event-types.ts';
import type { Recorder } from '../../audit/model/recorder.ts';
import type { Json, JsonObject } from '../../kernel/json.ts';
import type { ApplicationEvent, DeclaredLoss } from './event-input.ts';
import { type ApplicationEventDraft, type ApplicationEventType, verbatimFields } from './event-types.ts';

/** The draft of another application's event. `caller` sent it, and vouches for what it says about others. */
export const draftEvent = (caller: Caller, event: ApplicationEvent): ApplicationEventDraft => {
  const { previousValue, newValue, result, errorMessage } = event;
  const actor = actorOf(caller, event);
  return {
    ...sharedFields(caller, event, actor),
    eventType: event.type,
    previousState: toState(previousValue),
    newState: toState(newValue),
    changes: changesBetween(previousValue, newValue),
    result,
    errorMessage,
    description: cut(describe(actor, event)),
    metadata: { ...pick(event, verbatimFields), recordedBy: recorderOf(caller) },
  };
};

/** The draft for events that another application could not deliver. */
export const draftLoss = (caller: Caller, event: DeclaredLoss): OwnEventDraft<'audit.loss'> => {
  const { count, reason, since, until } = event.loss;
  const [from, to] = [since.toISOString(), until.toISOString()];
  const { actor } = caller;
  return {
    ...sharedFields(caller, event, actor),
    eventType: 'audit.loss',
    resource: resourceOf(event) ?? { type: 'audit_log', id: 'audit_log' },
    result: 'FAILURE',
    errorMessage: event.errorMessage ?? reason,
    description: `${count} audit ${count === 1 ? 'event' : 'events'} of ${nameOf(actor)} ${count === 1 ? 'was' : 'were'} lost between ${from} and ${to}: ${reason}`,
    metadata: { count, reason, since: from, until: to, recordedBy: recorderOf(caller) },
  };
};

const pick = <Field extends keyof ApplicationEvent>(event: ApplicationEvent, fields: readonly Field[]) =>
  Object.fromEntries(fields.map((field) => [field, event[field]])) as Pick<ApplicationEvent, Field>;

type Event = ApplicationEvent | DeclaredLoss;

const sharedFields = (caller: Caller, event: Event, actor: Actor) => ({
  id: event.id,
  occurredAt: event.occurredAt,
  actor,
  resource: resourceOf(event),
  workspaceId: event.workspaceId,
  ...(event.environment !== null && { environment: event.environment }),
  // Where the person came from, not the service that reports it.
  requestContext: {
    ipAddress: event.ipAddress,
    userAgent: event.userAgent,
    requestId: event.requestId,
    sessionId: event.sessionId,
    apiKeyId: caller.apiKeyId,
  },
});

/** The person whom the event names; if it names nobody, its sender. */
const actorOf = (caller: Caller, { userId, userName, userEmail }: ApplicationEvent): Actor =>
  userId === null && userName === null && userEmail === null
    ? caller.actor
    : { type: 'USER', id: userId ?? 'unknown', name: userName, email: userEmail };

/** Who sent the event: a key is named itself, along with the person on whose behalf it acts. */
export const recorderOf = ({ apiKeyId, actor }: Caller): Recorder =>
  apiKeyId === null
    ? { type: actor.type, id: actor.id, onBehalfOf: null }
    : { type: 'API', id: apiKeyId, onBehalfOf: actor.type === 'API' ? null : actor.id };

const resourceOf = ({ resource, resourceId }: Event) =>
  resource === null ? null : { type: resource, id: resourceId ?? resource };

const maxChanges = 200;
/**
 * One change per field, or a single change of the whole value if that would be too many: thousands of small fields would take
 * many times the room of the values. A field named `version` counts like any other, because only the application knows what it
 * means.
 */
const changesBetween = (previousValue: Json, newValue: Json): FieldChange[] => {
  const changes = diffStates(toState(previousValue), toState(newValue), new Set());
  return changes.length <= maxChanges ? changes : [{ field: 'value', previousValue, newValue }];
};

/** The value as a state: an object is one already; any other value becomes the field `value`. */
const toState = (value: Json): JsonObject | null =>
  value === null ? null : typeof value === 'object' && !Array.isArray(value) ? value : { value };

const actorNames = { USER: 'User', SERVICE_ACCOUNT: 'Service', SYSTEM: 'System', API: 'API key' } as const;
const nameOf = ({ type, id, name, email }: Actor): string => {
  const known = type === 'API' ? (name ?? id) : id === 'unknown' ? (name ?? email ?? id) : id;
  return `${actorNames[type]} '${known}'`;
};

const longestDescription = 1000;
/** Keeps a description to a sentence's length, whatever an application put into it. */
const cut = (description: string): string =>
  description.length > longestDescription ? `${description.slice(0, longestDescription).toWellFormed()}…` : description;

/** What the actor did, and what they tried to do if it did not succeed. */
const phrases: Record<ApplicationEventType, [did: string, tried: string]> = {
  'auth.login': ['logged in', 'log in'],
  'auth.logout': ['logged out', 'log out'],
  'data_export.requested': ['requested an export of data', 'request an export of data'],
  'data_export.completed': ['got an export of data', 'get an export of data'],
  'data_delete.requested': ['requested a deletion of data', 'request a deletion of data'],
  'data_delete.completed': ['had data deleted', 'have data deleted'],
  'subscription.created': ['started a subscription', 'start a subscription'],
  'subscription.cancelled': ['cancelled a subscription', 'cancel a subscription'],
  'settings.changed': ['changed settings', 'change settings'],
  'oauth.connected': ['connected an account of another service', 'connect an account of another service'],
  'oauth.disconnected': ['disconnected an account of another service', 'disconnect an account of another service'],
  'admin.action': ['did something as an administrator', 'do something as an administrator'],
};

/** For example "User 'u1' logged in", "Setting 'theme' changed from 'dark' to 'light'". */
const describe = (actor: Actor, event: ApplicationEvent): string => {
  const { type, action, result, errorMessage } = event;
  const settings = result === 'SUCCESS' ? describeSettings(event) : null;
  if (settings) return settings;
  const [did, tried] = phrases[type];
  const ended = { SUCCESS: did, FAILURE: `failed to ${tried}`, DENIED: `was not allowed to ${tried}` }[result];
  const what = type === 'admin.action' && action !== null ? `: ${action}` : '';
  const resource = resourceOf(event);
  const where = resource ? ` (${resource.type} '${resource.id}')` : '';
  return `${nameOf(actor)} ${ended}${what}${where}${errorMessage ? `: ${errorMessage}` : ''}`;
};

/** For example "Settings", "Settings of workspace 'w1'", "Setting 'theme'". */
const nameSettings = (resource: string | null, resourceId: string | null): string => {
  if (resourceId === null) return 'Settings';
  return resource === 'setting' ? `Setting '${resourceId}'` : `Settings of ${resource} '${resourceId}'`;
};

/** Null if the event does not say which settings changed, or is about something else. */
const describeSettings = ({ type, resource, resourceId, previousValue, newValue }: ApplicationEvent): string | null => {
  if (type !== 'settings.changed' || (previousValue === null && newValue === null)) return null;
  const isWhole = (value: Json) => value === null || toState(value) === value;
  if (isWhole(previousValue) && isWhole(newValue)) {
    const changes = describeChanges(changesBetween(previousValue, newValue));
    return `${nameSettings(resource, resourceId)}: ${changes || 'nothing changed'}`;
  }
  const field = resourceId === null ? 'A setting' : `Setting '${resourceId}'`;
  return describeChanges([{ field, previousValue, newValue }]);
};
