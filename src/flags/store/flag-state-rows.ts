import { Prisma, type FlagState as Row } from '../../generated/prisma/client.ts';
import type { FlagState } from '../model/flag-state.ts';
import { initialFields, stateFields } from '../model/state-fields.ts';

// The only mapping of the table `feature_flag_states`, for Prisma and for raw SQL, where its alias is `s`.

type Field = Exclude<keyof FlagState, 'flagId' | 'environment'>;

/** The column and SQL type of each field. The keys, flag_id and environment_key, are not included. */
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

/** A state in the form that Prisma writes. */
export const toRow = ({ flagId, environment, ...state }: FlagState) => ({
  flagId,
  environmentKey: environment,
  ...(Object.fromEntries(fields.map((field) => [field, state[field] ?? nullOf(field)])) as Omit<
    Prisma.FlagStateUncheckedCreateInput,
    'flagId' | 'environmentKey'
  >),
});

/** Prisma distinguishes a null column from a column that holds JSON null. */
const nullOf = (field: Field) => (columns[field].type === 'jsonb' ? Prisma.DbNull : null);

/** All columns of a state except its keys. The names do not collide with other tables of a statement. */
export const stateColumns = Prisma.raw(fields.map((field) => `s.${columns[field].column} AS "state.${field}"`).join(', '));

export type StateColumns = { [Name in Field as `state.${Name}`]: FlagState[Name] };

/** Reads the state from a row that `stateColumns` selected. */
export const readState = (row: StateColumns, keys: Pick<FlagState, 'flagId' | 'environment'>): FlagState => ({
  ...keys,
  ...(Object.fromEntries(fields.map((field) => [field, row[`state.${field}`]])) as Pick<FlagState, Field>),
});

/**
 * Whether updates have changed a state since the flag was new. Fields that start as null, such as the default variant, do not
 * count: they cannot be reset to null, and decide nothing while the flag is off.
 */
export const differsFromNew = Prisma.raw(
  stateFields
    .filter((field) => initialFields[field] !== null)
    .map((field) => `s.${columns[field].column} <> '${literalOf(initialFields[field])}'::${columns[field].type}`)
    .join(' OR '),
);

/** The fields that updates write. Overrides, experiment and emergency override stay as they are. */
const updated: Field[] = [...stateFields, 'version', 'updatedAt', 'lastSet'];

/** The SET list that copies the written fields from the rows `o`, which `updatedRecord` declares and `toUpdatedRow` fills. */
export const setUpdated = Prisma.raw(updated.map((field) => `${columns[field].column} = o.${columns[field].column}`).join(', '));

/** The column definitions of the rows `o`, for jsonb_to_recordset. */
export const updatedRecord = Prisma.raw(
  ['flag_id uuid', 'environment_key text', ...updated.map((field) => `${columns[field].column} ${columns[field].type}`)].join(
    ', ',
  ),
);

/** A state as one of the rows `o`. */
export const toUpdatedRow = (state: FlagState): Record<string, unknown> => ({
  flag_id: state.flagId,
  environment_key: state.environment,
  ...Object.fromEntries(updated.map((field) => [columns[field].column, state[field]])),
});
