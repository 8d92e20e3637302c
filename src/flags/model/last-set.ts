import type { Caller } from '../../access/model/actor.ts';
import type { Json } from '../../kernel/json.ts';
import type { StateField } from './state-fields.ts';

// Who set each field of a state, and the flag's status, last: so that no retry undoes it.

/** A schedule, and its place in the order in which schedules apply. */
type BySchedule = { schedule: { id: string /** RFC 3339 in UTC. */; scheduledAt: string } };
/** A person or a service, as the log has them. */
type ByActor = { actor: { id: string; name: string | null } };
export type SetBy = BySchedule | ByActor;

export type Setting<By extends SetBy = SetBy> = By & {
  /** RFC 3339 in UTC. */
  at: string;
  /** Of rules their number, here and below. Absent: not known, from before this was kept. */
  from?: Json;
  to: Json;
  /** The version of the state (of the flag, for its status) that came of it. */
  version: number;
};

/**
 * The last setting by a person or a service, and that by the schedule that comes last in order. Both are kept: a schedule that
 * confirms what a person set must not hide that person from the retries of other schedules.
 */
export type LastSet = { byActor?: Setting<ByActor>; bySchedule?: Setting<BySchedule> };
export type LastSets = Partial<Record<StateField, LastSet>>;

type Values = Record<StateField, unknown>;
type Set = { by: SetBy; at: Date };

/** What is known of a field once it was set; where it kept its value, too, because somebody decided that. */
export const recordSet = (
  last: LastSet,
  { by, at, from, to, version }: Set & { from: unknown; to: unknown; version: number },
): LastSet => {
  const setting = { at: at.toISOString(), from: brief(from), to: brief(to), version };
  if ('actor' in by) return { ...last, byActor: { ...by, ...setting } };
  const before = last.bySchedule?.schedule;
  // A retry that changes nothing may apply after a later schedule: that one stays the last in order.
  return before && isAfter(before, by.schedule) ? last : { ...last, bySchedule: { ...by, ...setting } };
};

/** The same of some fields of a state. */
export const recordSets = (
  previous: Values & { lastSet: LastSets },
  next: Values & { version: number },
  { fields, ...set }: Set & { fields: readonly StateField[] },
): LastSets => {
  const of = (field: StateField) =>
    recordSet(previous.lastSet[field] ?? {}, { ...set, from: previous[field], to: next[field], version: next.version });
  return { ...previous.lastSet, ...Object.fromEntries(fields.map((field) => [field, of(field)])) };
};

export const byCaller = ({ actor: { id, name } }: Pick<Caller, 'actor'>): SetBy => ({ actor: { id, name } });

/** Whichever came last; null: nothing is known. A schedule that counted no version came after the actor who did. */
export const latestOf = ({ byActor, bySchedule }: LastSet): Setting | null =>
  byActor && bySchedule && byActor.version > bySchedule.version ? byActor : (bySchedule ?? byActor ?? null);

/** "by 'carol' at 2026-03-01T09:00:00.000Z". */
export const describeSetter = (setting: Setting): string => {
  const who = 'actor' in setting ? `'${setting.actor.name ?? setting.actor.id}'` : `schedule '${setting.schedule.id}'`;
  return `by ${who} at ${setting.at}`;
};

/** Rules may take 64 KiB, and their event has them. */
const brief = (value: unknown): Json => (Array.isArray(value) ? value.length : (value as Json));

type Place = BySchedule['schedule'];
const isAfter = (a: Place, b: Place): boolean => (a.scheduledAt === b.scheduledAt ? a.id > b.id : a.scheduledAt > b.scheduledAt);
