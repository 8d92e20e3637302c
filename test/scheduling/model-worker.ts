import { isDeepStrictEqual } from 'node:util';
import { isBefore, isHeld, type LastSet, record, refusal, type Schedule, type State, type World } from './model.ts';

// What the worker does.

class Refused extends Error {}

/** A retry undoes nothing that a later schedule did, nor a person after it had failed first. */
const isSuperseded = (schedule: Schedule, state: State): boolean => {
  const { flag, request, tried } = schedule;
  const loses = (set: LastSet = {}, met: number | undefined) =>
    (set.schedule && isBefore(schedule, set.schedule)) || (set.person !== undefined && met !== undefined && set.person > met);
  const { status, ...values } = request.updates;
  if (status && status !== flag.status && loses(flag.statusSet, tried?.flag)) return true;
  const now: Record<string, unknown> = state.values;
  return Object.entries(values).some(
    ([field, value]) => !isDeepStrictEqual(value, now[field]) && loses(state.set.get(field), tried?.state),
  );
};
const setBy = (schedule: Schedule, set: LastSet = {}): LastSet =>
  set.schedule && isBefore(schedule, set.schedule) ? set : { ...set, schedule };

const attempt = (world: World, schedule: Schedule, { refused = false, tryAt }: { refused?: boolean; tryAt: number }) => {
  const { flag, request } = schedule;
  const { status, ...values } = request.updates;
  const state = flag.states[request.environment];
  const superseded = isSuperseded(schedule, state);
  const held = state.emergency || (status && isHeld(flag));
  const fails = refused || world.disabled.has(request.environment) || held || refusal(flag.status, request.updates);
  if (!superseded && !fails && flag.poisoned) throw new Refused();
  if (schedule.status === 'FAILED') schedule.retries++;
  if (superseded || fails) {
    schedule.tried ??= { state: state.version, flag: flag.version };
    const again = !superseded && schedule.retries < request.maxRetries;
    Object.assign(schedule, { status: 'FAILED', dueAt: again ? tryAt + Math.min(2 ** (schedule.retries + 1), 60) : null });
    return record(world, 'flag_schedule.failed');
  }
  const next = { ...state.values, ...values };
  const changed = !isDeepStrictEqual(next, state.values) || (status !== undefined && status !== flag.status);
  Object.assign(state, { values: next, version: state.version + (changed ? 1 : 0) });
  for (const field of Object.keys(values)) state.set.set(field, setBy(schedule, state.set.get(field)));
  if (status) {
    const version = flag.version + (status === flag.status ? 0 : 1);
    Object.assign(flag, { status, version, statusSet: setBy(schedule, flag.statusSet) });
  }
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
