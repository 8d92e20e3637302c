import type { Json, JsonObject } from '../event.ts';
import { Tampered } from '../outcome.ts';
import { type FlagRecord, statesOf } from './replay.ts';
import { type Comparison, compareFields, readTold, reasons } from './told.ts';

const flagsAtOnce = 200;

type FlagRow = {
  id: string;
  key: string;
  name: string;
  description: string | null;
  type: string;
  status: string;
  version: number;
} & {
  tags: string;
  variants: string;
};
type StateRow = {
  flag_id: string;
  environment: string;
  enabled: boolean;
  rollout: number;
  default_variant: string | null;
  rules: string;
  overrides: string;
  experiment: string | null;
  emergency: string | null;
  version: number;
};

const parsed = (text: string | null): Json => (text === null ? null : JSON.parse(text));

const flagFields = (row: FlagRow) => ({
  ...{ key: row.key, name: row.name, description: row.description, type: row.type },
  ...{ variants: parsed(row.variants), tags: parsed(row.tags), status: row.status, version: row.version },
});
const stateFields = (row: StateRow) => ({
  ...{ enabled: row.enabled, rolloutPercentage: row.rollout, defaultVariant: row.default_variant },
  ...{ rules: parsed(row.rules), overrides: parsed(row.overrides), experiment: parsed(row.experiment) },
  ...{ emergency: parsed(row.emergency), version: row.version },
});
/** What a flag's state is in an environment that was created after the flag: no event tells it. */
const initialState: JsonObject = {
  ...{ enabled: false, rolloutPercentage: 100, defaultVariant: null, rules: [], overrides: [] },
  ...{ experiment: null, emergency: null, version: 1 },
};

/** Compares flags and their states with the log. Throws Tampered. Returns how many were compared. */
export const checkFlags = async (comparison: Comparison): Promise<{ flags: number; states: number }> => {
  const { query, replay, waiting } = comparison;
  const counts = { flags: 0, states: 0 };
  const seen = new Set<string>();
  for (let after = '00000000-0000-0000-0000-000000000000'; ; ) {
    const rows = await query<FlagRow>(
      `SELECT id::text AS id, key, name, description, type, to_json(tags)::text AS tags, variants::text AS variants, status, version
       FROM feature_flags WHERE id > $1::uuid ORDER BY id LIMIT ${flagsAtOnce}`,
      after,
    );
    const last = rows.at(-1);
    if (!last) break;
    const states = await readStates(comparison, after, last.id);
    const records = rows.map(({ id }) => replay.flags.get(id));
    const told = await readTold(query, records.flatMap(positionsOf));
    for (const [n, row] of rows.entries()) {
      seen.add(row.id);
      await checkFlag(comparison, { row, record: records[n], states: states.get(row.id) ?? [], told }, counts);
    }
    after = last.id;
  }
  for (const [id, { key, self, states }] of replay.flags) {
    if (seen.has(id) || waiting.flagKeys.has(key)) continue;
    const position = self ?? Math.max(...[...states.values()].map(({ position: at }) => at ?? 0));
    throw new Tampered(
      'state',
      position,
      `Flag '${key}': the log says that it exists (position ${position}), but the table feature_flags does not have it: it was deleted without an event.`,
    );
  }
  return counts;
};

const positionsOf = (record: FlagRecord | undefined): (number | null)[] =>
  record ? [record.self, record.status, ...[...record.states.values()].map(({ position }) => position)] : [];

const readStates = async ({ query }: Comparison, after: string, last: string): Promise<Map<string, StateRow[]>> => {
  const rows = await query<StateRow>(
    `SELECT flag_id::text AS flag_id, environment_key AS environment, enabled, rollout_percentage::int AS rollout, default_variant,
       rules::text AS rules, overrides::text AS overrides, experiment::text AS experiment, emergency::text AS emergency, version
     FROM feature_flag_states WHERE flag_id > $1::uuid AND flag_id <= $2::uuid`,
    after,
    last,
  );
  return Map.groupBy(rows, ({ flag_id }) => flag_id);
};

type Found = { row: FlagRow; record: FlagRecord | undefined; states: StateRow[]; told: ReadonlyMap<number, JsonObject> };

const checkFlag = async (
  comparison: Comparison,
  { row, record, states, told }: Found,
  counts: { flags: number; states: number },
) => {
  const { waiting, prunedTo, skip } = comparison;
  if (waiting.flagKeys.has(row.key)) return skip(reasons.waiting, 1 + states.length);
  if (!record) {
    if (prunedTo > 0) return skip(reasons.pruned, 1 + states.length);
    throw new Tampered('state', null, `Flag '${row.key}': the table feature_flags has it, but no event of the log created it.`);
  }
  checkOwnFields(comparison, { row, record, told }, counts);
  for (const state of states) checkState(comparison, { row, record, state, told }, counts);
  const stored = new Set(states.map(({ environment }) => environment));
  for (const [environment, { position }] of record.states)
    if (!stored.has(environment) && position !== null)
      throw new Tampered(
        'state',
        position,
        `Flag '${row.key}' in ${environment}: the log tells its state (position ${position}), but the table feature_flag_states does not have it: it was deleted without an event.`,
      );
};

const checkOwnFields = (
  { skip, prunedTo }: Comparison,
  { row, record, told }: Pick<Found, 'row' | 'told'> & { record: FlagRecord },
  counts: { flags: number },
) => {
  const { self, status } = record;
  if (self === null || status === null) return skip(prunedTo > 0 ? reasons.pruned : reasons.erased);
  const own = told.get(self) ?? {};
  const what = { what: `Flag '${row.key}'`, table: 'feature_flags' };
  const { status: foundStatus, version: foundVersion, ...found } = flagFields(row);
  compareFields({ ...what, position: status, said: told.get(status) ?? {}, found: { status: foundStatus } }, skip);
  compareFields({ ...what, position: self, said: own, found }, skip);
  const version: JsonObject = typeof own.version === 'number' ? { version: own.version + record.versionsSince } : {};
  compareFields({ ...what, position: status, said: version, found: { version: foundVersion } }, skip);
  counts.flags++;
};

type FoundState = Pick<Found, 'row' | 'told'> & { record: FlagRecord; state: StateRow };

const checkState = (
  { replay, prunedTo, skip }: Comparison,
  { row, record, state, told }: FoundState,
  counts: { states: number },
) => {
  const { environment } = state;
  const what = { what: `Flag '${row.key}' in ${environment}`, table: 'feature_flag_states', found: stateFields(state) };
  const latest = record.states.get(environment);
  if (latest) {
    if (latest.position === null) return skip(reasons.erased);
    const newState = told.get(latest.position) ?? {};
    const said = (latest.position === record.createdAt ? statesOf(newState)[environment] : newState) as JsonObject | undefined;
    compareFields({ ...what, position: latest.position, said: said ?? {} }, skip);
  } else {
    const since = replay.environments.get(environment)?.createdAt ?? null;
    if (since === null) {
      if (prunedTo > 0) return skip(reasons.pruned);
      throw new Tampered(
        'state',
        record.createdAt,
        `${what.what}: the table feature_flag_states has it, but no event of the log tells that state.`,
      );
    }
    compareFields({ ...what, position: since, said: initialState }, skip);
  }
  counts.states++;
};
