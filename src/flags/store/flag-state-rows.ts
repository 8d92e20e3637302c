import { Prisma, type FlagState as Row } from '../../generated/prisma/client.ts';
import type { FlagState } from '../model/flag-state.ts';
import { initialFields, stateFields } from '../model/state-fields.ts';

// The table `feature_flag_states`: its one map, for Prisma and for statements of our own, where the table is `s`.

type Field = Exclude<keyof FlagState, 'flagId' | 'environment'>;

/** The column of each field, and its type. The keys, flag_id and environment_key, are named where they are needed. */
const columns: Record<Field, { column: string; type: string }> = {
  enabled: { column: 'enabled', type: 'boolean' },
  rolloutPercentage: { column: 'rollout_percentage', type: 'smallint' },
  defaultVariant: { column: 'default_variant', type: 'text' },
  rules: { column: 'rules', type: 'jsonb' },
  overrides: { column: 'overrides', type: 'jsonb' },
  experiment: { column: 'experiment', type: 'jsonb' },
  emergency: { column: 'emergency', type: 'jsonb' },
  version: { column: 'version', type: 'int' },
  lastSet: { column: 'last_set', type: 'jsonb' },
  updatedAt: { column: 'updated_at', type: 'timestamptz' },
};
const fields = Object.keys(columns) as Field[];

const literalOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value)).replaceAll("'", "''");

export const toFlagState = ({ flagId, environmentKey, ...row }: Row): FlagState => ({
  flagId,
  environment: environmentKey,
  ...(Object.fromEntries(fields.map((field) => [field, row[field]])) as Pick<FlagState, Field>),
});

/** A state as Prisma writes it. */
export const toRow = ({ flagId, environment, ...state }: FlagState) => ({
  flagId,
  environmentKey: environment,
  ...(Object.fromEntries(fields.map((field) => [field, state[field] ?? nullOf(field)])) as Omit<
    Prisma.FlagStateUncheckedCreateInput,
    'flagId' | 'environmentKey'
  >),
});

/** Prisma tells a column that is null from a column that holds JSON's null. */
const nullOf = (field: Field) => (columns[field].type === 'jsonb' ? Prisma.DbNull : null);

/** All columns of a state beside its keys, under names that no other table of a statement has. */
export const stateColumns = Prisma.raw(fields.map((field) => `s.${columns[field].column} AS "state.${field}"`).join(', '));

/** What `stateColumns` selects. */
export type StateColumns = { [Name in Field as `state.${Name}`]: FlagState[Name] };

/** The state that `stateColumns` has selected. */
export const readState = (row: StateColumns, keys: Pick<FlagState, 'flagId' | 'environment'>): FlagState => ({
  ...keys,
  ...(Object.fromEntries(fields.map((field) => [field, row[`state.${field}`]])) as Pick<FlagState, Field>),
});

/**
 * Whether updates have made a state other than a new flag's. A field that starts as null, such as the default variant, does not
 * count: nobody can take it back, and of a flag that is off it decides nothing.
 */
export const isOtherThanNew = Prisma.raw(
  stateFields
    .filter((field) => initialFields[field] !== null)
    .map((field) => `s.${columns[field].column} <> '${literalOf(initialFields[field])}'::${columns[field].type}`)
    .join(' OR '),
);

/** What updates change: the rest of a state, such as its overrides, stays as it is. */
const updated: Field[] = [...stateFields, 'version', 'updatedAt', 'lastSet'];

/** Sets what updates have changed from the rows `o`, which `updatedRecord` declares and `toUpdatedRow` fills. */
export const setUpdated = Prisma.raw(updated.map((field) => `${columns[field].column} = o.${columns[field].column}`).join(', '));

export const updatedRecord = Prisma.raw(
  ['flag_id uuid', 'environment_key text', ...updated.map((field) => `${columns[field].column} ${columns[field].type}`)].join(
    ', ',
  ),
);

export const toUpdatedRow = (state: FlagState): Record<string, unknown> => ({
  flag_id: state.flagId,
  environment_key: state.environment,
  ...Object.fromEntries(updated.map((field) => [columns[field].column, state[field]])),
});
