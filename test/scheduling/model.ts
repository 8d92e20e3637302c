import { isDeepStrictEqual } from 'node:util';
import type { FlagStatus } from '../../src/domain/flags/flag.ts';
import type { FlagUpdates } from '../../src/domain/flags/flag-state.ts';

// What flags and their schedules do, in as few words as it takes. Time is counted in minutes.

export const environments = ['production', 'staging'] as const;
export type EnvironmentKey = (typeof environments)[number];

type Place = { at: number; id: string };
type State = { values: Omit<FlagUpdates, 'status'>; version: number; emergency: boolean; last: Place | null };
type Flag = {
  status: FlagStatus;
  version: number;
  /** The database refuses what the worker would save of it. */
  poisoned: boolean;
  lastStatus: Place | null;
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
export type Schedule = Place & { request: Request; flag: Flag; status: string; retries: number; dueAt: number | null };
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
const record = ({ events }: World, type: string) => {
  events[type] = (events[type] ?? 0) + 1;
};
const newState = (): State => ({
  values: { enabled: false, rolloutPercentage: 100, rules: [] },
  version: 1,
  emergency: false,
  last: null,
});

export const addFlag = (world: World, key: string) => {
  const states = { production: newState(), staging: newState() };
  world.flags.set(key, { status: 'ACTIVE', version: 1, poisoned: false, lastStatus: null, states });
  record(world, 'flag.created');
};

const isBefore = (a: Place, b: Place) => (a.at === b.at ? a.id < b.id : a.at < b.at);
const isHeld = ({ states }: Flag) => Object.values(states).some(({ emergency }) => emergency);
/** Why a flag with a status cannot take updates; null: it can. */
const refusal = (status: FlagStatus, { status: next, ...values }: FlagUpdates) => {
  if (status !== 'ARCHIVED' || next === 'ACTIVE') return null;
  if (next === 'DEPRECATED') return 'VALIDATION_ERROR';
  return Object.keys(values).length > 0 ? 'FLAG_ARCHIVED' : null;
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
  Object.assign(flag, { status, version: flag.version + 1 });
  record(world, { ACTIVE: 'flag.updated', DEPRECATED: 'flag.deprecated', ARCHIVED: 'flag.archived' }[status]);
  return 'done';
};

export const override = (world: World, key: string, environment: EnvironmentKey, enabled: boolean): string => {
  const flag = world.flags.get(key);
  if (!flag || flag.status === 'ARCHIVED') return flag ? 'FLAG_ARCHIVED' : 'FLAG_NOT_FOUND';
  const state = flag.states[environment];
  Object.assign(state, { values: { ...state.values, enabled }, emergency: true, version: state.version + 1 });
  record(world, 'flag_override.emergency');
  return 'done';
};

export const lift = (world: World, key: string, environment: EnvironmentKey): string => {
  const state = world.flags.get(key)?.states[environment];
  if (!state?.emergency) return state ? 'STATE_PART_NOT_FOUND' : 'FLAG_NOT_FOUND';
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

// What the worker does.

class Refused extends Error {}

const attempt = (world: World, schedule: Schedule, { refused = false, tryAt }: { refused?: boolean; tryAt: number }) => {
  const { flag, request } = schedule;
  const { status, ...values } = request.updates;
  const state = flag.states[request.environment];
  const superseded = [state.last, status ? flag.lastStatus : null].some((last) => last && isBefore(schedule, last));
  const held = state.emergency || (status && isHeld(flag));
  const fails = refused || world.disabled.has(request.environment) || held || refusal(flag.status, request.updates);
  if (!superseded && !fails && flag.poisoned) throw new Refused();
  if (schedule.status === 'FAILED') schedule.retries++;
  if (superseded || fails) {
    const again = !superseded && schedule.retries < request.maxRetries;
    Object.assign(schedule, { status: 'FAILED', dueAt: again ? tryAt + Math.min(2 ** (schedule.retries + 1), 60) : null });
    return record(world, 'flag_schedule.failed');
  }
  const next = { ...state.values, ...values };
  const changed = !isDeepStrictEqual(next, state.values) || (status !== undefined && status !== flag.status);
  Object.assign(state, { values: next, version: state.version + (changed ? 1 : 0), last: schedule });
  if (status) Object.assign(flag, { status, version: flag.version + (status === flag.status ? 0 : 1), lastStatus: schedule });
  Object.assign(schedule, { status: 'APPLIED', dueAt: null });
  record(world, 'flag_schedule.applied');
};

const dueOf = (world: World) =>
  world.schedules
    .filter(({ dueAt }) => dueAt !== null && Math.floor(dueAt) <= world.now)
    .sort((a, b) => (isBefore(a, b) ? -1 : 1));
const dueFirst = (a: Schedule, b: Schedule) => (a.dueAt ?? 0) - (b.dueAt ?? 0) || (a.id < b.id ? -1 : 1);
const instantOf = (world: World) => world.now + 1e-6 * ++world.batches;

/** The world after everything that is due was tried: at once or, where the database refuses that, one by one. */
export const tick = (world: World): World => {
  const atOnce = structuredClone(world);
  try {
    const tryAt = instantOf(atOnce);
    for (const schedule of dueOf(atOnce)) attempt(atOnce, schedule, { tryAt });
    return atOnce;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
  }
  for (let due = dueOf(world); due.length > 0; due = dueOf(world)) {
    // A worker claims whole flags: of the one that is due first, in all environments, the oldest goes.
    const claimed = due.toSorted(dueFirst)[0]?.flag;
    const next = due.find(({ flag }) => flag === claimed);
    if (!next) throw new Error('what is due first is not due');
    const tryAt = instantOf(world);
    try {
      attempt(world, next, { tryAt });
    } catch {
      attempt(world, next, { tryAt, refused: true });
    }
  }
  return world;
};
