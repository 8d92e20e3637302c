import { isDeepStrictEqual } from 'node:util';
import type { FlagStatus } from '../../src/flags/model/flag-status.ts';
import type { FlagUpdates } from '../../src/flags/model/flag-updates.ts';

// What flags and their schedules do, in as few words as it takes. Time is counted in minutes.

const environments = ['production', 'staging'] as const;
export type EnvironmentKey = (typeof environments)[number];

export type Place = { at: number; id: string };
/** Who set a field last: a person, who made it that version, and the schedule that comes last in order. */
export type LastSet = { person?: number; schedule?: Place };
type Values = Omit<FlagUpdates, 'status'>;
export type State = { values: Values; version: number; emergency: boolean; set: Map<string, LastSet> };
export type Flag = {
  status: FlagStatus;
  version: number;
  /** The database refuses what the worker would save of it. */
  poisoned: boolean;
  statusSet: LastSet;
  states: Record<EnvironmentKey, State>;
};
export type Request = {
  flagKey: string;
  environment: EnvironmentKey;
  at: number;
  updates: FlagUpdates;
  maxRetries: number;
  key?: string;
};
export type Schedule = Place & {
  request: Request;
  flag: Flag;
  status: string;
  retries: number;
  dueAt: number | null;
  tried?: Met;
};
/** The versions that a schedule met when it failed first. */
type Met = { state: number; flag: number };
export type World = {
  now: number;
  disabled: Set<EnvironmentKey>;
  flags: Map<string, Flag>;
  schedules: Schedule[];
  /** Transactions of the worker so far: what failed in a later one is due later, within the same minute. */
  batches: number;
  events: Record<string, number>;
};

export const newWorld = (): World => ({ now: 0, disabled: new Set(), flags: new Map(), schedules: [], batches: 0, events: {} });
export const record = ({ events }: World, type: string) => {
  events[type] = (events[type] ?? 0) + 1;
};
const newState = (): State => ({
  values: { enabled: false, rolloutPercentage: 100, rules: [] },
  version: 1,
  emergency: false,
  set: new Map(),
});

export const addFlag = (world: World, key: string) => {
  const states = { production: newState(), staging: newState() };
  world.flags.set(key, { status: 'ACTIVE', version: 1, poisoned: false, statusSet: {}, states });
  record(world, 'flag.created');
};

export const isBefore = (a: Place, b: Place) => (a.at === b.at ? a.id < b.id : a.at < b.at);
export const isHeld = ({ states }: Flag) => Object.values(states).some(({ emergency }) => emergency);
/** Why a flag with a status cannot take updates; null: it can. */
export const refusal = (status: FlagStatus, { status: next, ...values }: FlagUpdates) => {
  if (status !== 'ARCHIVED' || next === 'ACTIVE') return null;
  if (next === 'DEPRECATED') return 'VALIDATION_ERROR';
  return Object.keys(values).length > 0 ? 'FLAG_ARCHIVED' : null;
};

/** Somebody decided these values: the state is at another version now. */
const decide = (state: State, values: Values) => {
  const version = state.version + 1;
  Object.assign(state, { values: { ...state.values, ...values }, version });
  for (const field of Object.keys(values)) state.set.set(field, { ...state.set.get(field), person: version });
};
const decideStatus = (flag: Flag, status: FlagStatus) => {
  const version = flag.version + 1;
  Object.assign(flag, { status, version, statusSet: { ...flag.statusSet, person: version } });
};

// What a person does: `done`, or the code of the error.

export const create = (world: World, request: Request, id: string): string => {
  const first = request.key && world.schedules.find((schedule) => schedule.request.key === request.key);
  if (first) return isDeepStrictEqual(first.request, request) ? 'done' : 'IDEMPOTENCY_CONFLICT';
  const flag = world.flags.get(request.flagKey);
  if (!flag) return 'FLAG_NOT_FOUND';
  if (world.disabled.has(request.environment)) return 'ENVIRONMENT_DISABLED';
  const refused = refusal(flag.status, request.updates);
  if (refused) return refused;
  world.schedules.push({ id, at: request.at, request, flag, status: 'PENDING', retries: 0, dueAt: request.at });
  record(world, 'flag_schedule.created');
  return 'done';
};

export const cancel = (world: World, schedule: Schedule): string => {
  if (schedule.dueAt === null) return 'SCHEDULE_NOT_CANCELLABLE';
  Object.assign(schedule, { status: 'CANCELLED', dueAt: null });
  record(world, 'flag_schedule.cancelled');
  return 'done';
};

export const deleteFlag = (world: World, key: string): string => {
  const flag = world.flags.get(key);
  if (!flag) return 'FLAG_NOT_FOUND';
  if (isHeld(flag)) return 'EMERGENCY_OVERRIDE_ACTIVE';
  for (const schedule of world.schedules) if (schedule.flag === flag && schedule.dueAt !== null) cancel(world, schedule);
  world.flags.delete(key);
  record(world, 'flag.deleted');
  return 'done';
};

export const setStatus = (world: World, key: string, status: FlagStatus): string => {
  const flag = world.flags.get(key);
  if (!flag) return 'FLAG_NOT_FOUND';
  if (flag.status === status) return 'done';
  if (isHeld(flag)) return 'EMERGENCY_OVERRIDE_ACTIVE';
  if (refusal(flag.status, { status })) return 'VALIDATION_ERROR';
  decideStatus(flag, status);
  record(world, { ACTIVE: 'flag.activated', DEPRECATED: 'flag.deprecated', ARCHIVED: 'flag.archived' }[status]);
  return 'done';
};

export const setState = (world: World, key: string, environment: EnvironmentKey, updates: FlagUpdates): string => {
  const flag = world.flags.get(key);
  if (!flag) return 'FLAG_NOT_FOUND';
  const state = flag.states[environment];
  if (state.emergency) return 'EMERGENCY_OVERRIDE_ACTIVE';
  const refused = refusal(flag.status, updates);
  if (refused) return refused;
  const { status = flag.status, ...values } = updates;
  const [before, changesStatus] = [state.values, status !== flag.status];
  if (isDeepStrictEqual({ ...before, ...values }, before) && !changesStatus) return 'done';
  if (changesStatus && isHeld(flag)) return 'EMERGENCY_OVERRIDE_ACTIVE';
  if (changesStatus) decideStatus(flag, status);
  decide(state, values);
  record(world, nameOf(before, state.values, changesStatus ? status : null));
  return 'done';
};

const nameOf = (before: Values, after: Values, status: FlagStatus | null): string => {
  if (status === 'ARCHIVED') return 'flag.archived';
  if (before.enabled !== after.enabled) return after.enabled ? 'flag.enabled' : 'flag.disabled';
  if (before.rolloutPercentage !== after.rolloutPercentage) return 'flag.rollout_changed';
  return status === null ? 'flag.updated' : status === 'ACTIVE' ? 'flag.activated' : 'flag.deprecated';
};

export const override = (world: World, key: string, environment: EnvironmentKey, enabled: boolean): string => {
  const flag = world.flags.get(key);
  if (!flag || flag.status === 'ARCHIVED') return flag ? 'FLAG_ARCHIVED' : 'FLAG_NOT_FOUND';
  const state = flag.states[environment];
  decide(state, { enabled });
  state.emergency = true;
  record(world, 'flag_override.emergency');
  return 'done';
};

export const lift = (world: World, key: string, environment: EnvironmentKey): string => {
  const state = world.flags.get(key)?.states[environment];
  if (!state?.emergency) return state ? 'EMERGENCY_OVERRIDE_NOT_ACTIVE' : 'FLAG_NOT_FOUND';
  Object.assign(state, { emergency: false, version: state.version + 1 });
  record(world, 'flag_override.removed');
  return 'done';
};

export const switchEnvironment = (world: World, environment: EnvironmentKey, enabled: boolean): string => {
  if (world.disabled.has(environment) === enabled) record(world, enabled ? 'environment.enabled' : 'environment.disabled');
  if (enabled) world.disabled.delete(environment);
  else world.disabled.add(environment);
  return 'done';
};
