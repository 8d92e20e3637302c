import { isObject, type Json, type JsonObject, type LogEvent } from '../event.ts';

// What the log says of flags, environments and open schedules, as the positions of the events that say it. Their values are
// read again where they are compared, so what is kept grows with what exists now and not with the log.

/** Positions of the events that tell a flag's own fields, its status, and its state in each environment. */
export type FlagRecord = {
  key: string;
  /** The event with the flag's own fields; null: none that can be read. */
  self: number | null;
  status: number | null;
  /** Changes of the status, each a new version of the flag, since `self`. */
  versionsSince: number;
  states: Map<string, StateRecord>;
  createdAt: number | null;
};
/** `position` is null if the latest event does not tell the state, because somebody was erased. */
type StateRecord = { position: number | null; version: number };
export type EnvironmentRecord = { position: number | null; createdAt: number | null };
/** The events that tell what a schedule plans, and how far it has come. */
export type ScheduleRecord = { plan: number; last: number };

const fromTheStart = ['production', 'staging', 'development'];

export type Replay = ReturnType<typeof makeReplay>;

export const makeReplay = () => {
  const flags = new Map<string, FlagRecord>();
  const environments = new Map<string, EnvironmentRecord>(fromTheStart.map((key) => [key, { position: null, createdAt: null }]));
  const schedules = new Map<string, ScheduleRecord>();
  const lost = { flagtrail: 0, applications: 0 };

  const flagOf = (id: string, key: string): FlagRecord => {
    const known = flags.get(id);
    if (known) return known;
    const record: FlagRecord = { key, self: null, status: null, versionsSince: 0, states: new Map(), createdAt: null };
    flags.set(id, record);
    return record;
  };

  const seeState = (event: LogEvent, id: string, flagKey: string) => {
    const { newState, previousState, environment } = event.fields;
    if (typeof environment !== 'string') return;
    const record = flagOf(id, flagKey);
    const isTold = isObject(newState);
    const version = isTold ? versionOf(newState) : 0;
    // An event that waited in a spool comes later than its change.
    if (isTold && version < (record.states.get(environment)?.version ?? 0)) return;
    record.states.set(environment, { position: isTold ? event.position : null, version });
    if (!isTold) [record.self, record.status] = [null, null];
    else if (isObject(previousState) && previousState.status !== newState.status) {
      record.status = event.position;
      record.versionsSince++;
    }
  };

  const seeFlag = (event: LogEvent, { type, id }: { type: unknown; id: string }, flagKey: string) => {
    const { eventType, newState } = event.fields;
    if (eventType === 'flag.viewed' || eventType === 'flag.exported' || type !== 'flag') return;
    if (eventType === 'flag.deleted') {
      flags.delete(id);
      return;
    }
    // A flag's own fields come with its id; those of a state do not.
    const isOfFlag = eventType === 'flag.created' || (isObject(newState) && newState.id === id);
    if (!isOfFlag) return seeState(event, id, flagKey);
    const record = flagOf(id, flagKey);
    const position = isObject(newState) ? event.position : null;
    [record.self, record.status, record.versionsSince] = [position, position, 0];
    if (eventType !== 'flag.created') return;
    record.createdAt = event.position;
    for (const [environment, state] of Object.entries(statesOf(newState)))
      record.states.set(environment, { position, version: versionOf(state) });
  };

  const seeEnvironment = (event: LogEvent, key: string) => {
    const { eventType, newState } = event.fields;
    if (eventType === 'environment.deleted') {
      environments.delete(key);
      for (const { states } of flags.values()) states.delete(key);
      return;
    }
    const createdAt = eventType === 'environment.created' ? event.position : (environments.get(key)?.createdAt ?? null);
    environments.set(key, { position: isObject(newState) ? event.position : null, createdAt });
  };

  const seeSchedule = (event: LogEvent, id: string) => {
    const { eventType, newState, flagKey } = event.fields;
    if (eventType === 'flag_schedule.applied') {
      // It says nothing of the flag's id, so the flag is found by its key: two flags never have the same at once.
      const [flagId] = typeof flagKey === 'string' ? (findByKey(flagKey) ?? []) : [];
      if (flagId !== undefined) seeState(event, flagId, String(flagKey));
    }
    const mayChange = eventType === 'flag_schedule.failed' && isObject(newState) ? newState.nextRetryAt !== null : true;
    const isClosed = eventType === 'flag_schedule.applied' || eventType === 'flag_schedule.cancelled' || !mayChange;
    if (isClosed) schedules.delete(id);
    else if (eventType === 'flag_schedule.failed') {
      const known = schedules.get(id);
      schedules.set(id, { plan: known?.plan ?? 0, last: event.position });
    } else schedules.set(id, { plan: event.position, last: event.position });
  };
  /** Flags by key would be a second map to keep; a key's flag is the latest with it. */
  const byKey = new Map<string, string>();
  const findByKey = (key: string): [id: string, record: FlagRecord] | null => {
    const id = byKey.get(key);
    const record = id === undefined ? undefined : flags.get(id);
    return id !== undefined && record ? [id, record] : null;
  };

  return {
    flags,
    environments,
    schedules,
    /** How many events the log declares lost, by Flagtrail itself and by applications. */
    lost: () => lost,
    see: (event: LogEvent): void => {
      const { eventType, resource, flagKey, scheduleId, metadata, environment, actor } = event.fields;
      if (typeof eventType !== 'string') return;
      if (eventType.startsWith('flag_schedule.') && typeof scheduleId === 'string') seeSchedule(event, scheduleId);
      else if (eventType.startsWith('environment.') && typeof environment === 'string') seeEnvironment(event, environment);
      else if (eventType.startsWith('flag') && isObject(resource) && typeof resource.id === 'string') {
        if (typeof flagKey !== 'string') return;
        seeFlag(event, { type: resource.type, id: resource.id }, flagKey);
        if (flags.has(resource.id)) byKey.set(flagKey, resource.id);
        else byKey.delete(flagKey);
      } else if (eventType === 'audit.loss' && isObject(metadata) && typeof metadata.count === 'number')
        lost[isObject(actor) && actor.type === 'SYSTEM' ? 'flagtrail' : 'applications'] += Math.max(0, metadata.count);
    },
  };
};

const versionOf = (state: Json): number => (isObject(state) && typeof state.version === 'number' ? state.version : 0);

/** The states that `flag.created` tells, by environment. */
export const statesOf = (newState: unknown): JsonObject =>
  isObject(newState) && isObject(newState.states) ? newState.states : {};
