import type { Caller } from '../../access/model/actor.ts';
import type { Json } from '../../kernel/json.ts';
import type { StateField } from './state-fields.ts';

// Who set each field of a state, and the flag's status, last. Retries use this so that they do not undo a newer change.

/** Set by a schedule. Its id and instant give its place in the order of schedules. */
type BySchedule = { schedule: { id: string /** RFC 3339 in UTC. */; scheduledAt: string } };
/** Set by a person or a service, as the log names them. */
type ByActor = { actor: { id: string; name: string | null } };
export type SetBy = BySchedule | ByActor;

export type Setting<By extends SetBy = SetBy> = By & {
  /** RFC 3339 in UTC. */
  at: string;
  /** The value before; for `rules`, here and in `to`, only their count. Absent in old data. */
  from?: Json;
  to: Json;
  /** The version after the change: of the state or, for the status, of the flag. */
  version: number;
};

/**
 * The last setting by an actor, and the setting by the latest schedule in order. Both are needed: a schedule that repeats what
 * a person set must not hide that person from the retries of other schedules.
 */
export type LastSet = { byActor?: Setting<ByActor>; bySchedule?: Setting<BySchedule> };
export type LastSets = Partial<Record<StateField, LastSet>>;

type Values = Record<StateField, unknown>;
type Set = { by: SetBy; at: Date };

/** Records who set a field. Call it even if the value stays the same: somebody decided that it should. */
export const recordSet = (
  last: LastSet,
  { by, at, from, to, version }: Set & { from: unknown; to: unknown; version: number },
): LastSet => {
  const setting = { at: at.toISOString(), from: summarize(from), to: summarize(to), version };
  if ('actor' in by) return { ...last, byActor: { ...by, ...setting } };
  const before = last.bySchedule?.schedule;
  // A retry that changes nothing can apply after a later schedule. The later schedule stays recorded.
  return before && isAfter(before, by.schedule) ? last : { ...last, bySchedule: { ...by, ...setting } };
};

/** Records who set several fields of a state. */
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

/**
 * The newer of the two settings; null if neither is known. With equal versions the schedule is newer: it changed nothing, so
 * the version did not rise.
 */
export const latestOf = ({ byActor, bySchedule }: LastSet): Setting | null =>
  byActor && bySchedule && byActor.version > bySchedule.version ? byActor : (bySchedule ?? byActor ?? null);

/** "by 'carol' at 2026-03-01T09:00:00.000Z". */
export const describeSetter = (setting: Setting): string => {
  const who = 'actor' in setting ? `'${setting.actor.name ?? setting.actor.id}'` : `schedule '${setting.schedule.id}'`;
  return `by ${who} at ${setting.at}`;
};

/** Keeps only the count of rules: they can take 64 KiB, and their event holds them. */
const summarize = (value: unknown): Json => (Array.isArray(value) ? value.length : (value as Json));

type Place = BySchedule['schedule'];
const isAfter = (a: Place, b: Place): boolean => (a.scheduledAt === b.scheduledAt ? a.id > b.id : a.scheduledAt > b.scheduledAt);
