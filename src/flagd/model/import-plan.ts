import { applyUpdates, checkUpdates, type UpdateFlagState } from '../../flags/model/apply-updates.ts';
import type { CreateFlag, Flag } from '../../flags/model/flag.ts';
import { flagArchived } from '../../flags/model/flag-archived.ts';
import { EmergencyOverrideActiveError } from '../../flags/model/flag-errors.ts';
import type { FlagState } from '../../flags/model/flag-state.ts';
import type { FlagUpdates } from '../../flags/model/flag-updates.ts';
import { type UpdateFlag, updateFlag } from '../../flags/model/update-flag.ts';
import { variantsOf } from '../../flags/model/variant.ts';
import { ValidationError, type ValidationIssue } from '../../kernel/errors.ts';
import { isSameJson } from '../../kernel/json.ts';
import { toFlagdFlag } from './flagd-document.ts';
import type { ImportedFlag } from './flagd-import.ts';

/** One change that brings a flag closer to the file. */
export type ImportStep =
  | { do: 'create'; input: CreateFlag }
  | { do: 'update'; input: UpdateFlag }
  | { do: 'updateState'; input: UpdateFlagState };

export type ImportOutcome = 'created' | 'updated' | 'unchanged';

/** The changes that import one flag. If there are issues, there are no steps. */
export type ImportPlan = { key: string; outcome: ImportOutcome; steps: ImportStep[]; issues: ValidationIssue[] };

type Existing = { flag: Flag; states: readonly FlagState[] };

/**
 * Plans the changes that make a flag, and its state in one environment, match a file. What the file leaves out stays as it is:
 * a name equal to the key, a description, tags, a boolean flag's default variant. So do overrides and a running experiment. A
 * state that already evaluates as the file's does is left alone.
 */
export const planImport = (
  wanted: ImportedFlag,
  existing: Existing | null,
  { environment, now }: { environment: string; now: Date },
): ImportPlan => {
  if (!existing) return planNew(wanted, environment);
  const { flag, states } = existing;
  const plan = (outcome: ImportOutcome, steps: ImportStep[]): ImportPlan => ({ key: flag.key, outcome, steps, issues: [] });
  const refuse = (path: string[], message: string): ImportPlan => ({
    ...plan('unchanged', []),
    issues: [{ path: ['flags', flag.key, ...path], message }],
  });
  const state = states.find((one) => one.environment === environment);
  if (!state) return refuse([], `has no state in ${environment}`);
  if (flag.type !== wanted.type) {
    return refuse(['type'], `is ${wanted.type}, but the existing flag is ${flag.type}: a flag's type cannot change`);
  }

  const texts = textChanges(flag, wanted);
  const newVariants = isSameJson(valuesOf(flag), valuesOf(wanted)) ? null : wanted.variants;
  const updates = isSameState(existing.flag, state, wanted) ? null : stateUpdates(wanted);
  if (Object.keys(texts).length === 0 && !newVariants && !updates) return plan('unchanged', []);
  if (flag.status === 'ARCHIVED') return refuse([], flagArchived(flag).message);
  if (updates && state.emergency) {
    return refuse([], new EmergencyOverrideActiveError(flag.key, environment, state.emergency).message);
  }
  if (updates && !updates.defaultVariant && state.defaultVariant !== null && flag.type !== 'BOOLEAN') {
    return refuse(
      ['defaultVariant'],
      `is missing, but the flag has '${state.defaultVariant}' here: a default variant cannot be removed`,
    );
  }

  // New rules can need new variants, and old rules still use old ones. So the flag has both until the rules are replaced.
  const both = newVariants && [
    ...newVariants,
    ...variantsOf(flag).filter(({ key }) => !newVariants.some((one) => one.key === key)),
  ];
  const first: UpdateFlag = { flagKey: flag.key, ...texts, ...(both && { variants: both }), expectedVersion: flag.version };
  const last: UpdateFlag | null =
    newVariants && both && both.length > newVariants.length ? { flagKey: flag.key, variants: newVariants } : null;
  const { issues, versionBetween } = rehearse(existing, state, { first, updates, last, now });
  if (issues.length > 0) return { ...plan('unchanged', []), issues };
  return plan('updated', [
    ...(Object.keys(texts).length > 0 || both ? [{ do: 'update' as const, input: first }] : []),
    ...(updates
      ? [{ do: 'updateState' as const, input: { flagKey: flag.key, environment, updates, expectedVersion: state.version } }]
      : []),
    ...(last ? [{ do: 'update' as const, input: { ...last, expectedVersion: versionBetween } }] : []),
  ]);
};

/** The version of a state that nobody has changed. */
const versionOfNew = 1;

const planNew = ({ state, ...flag }: ImportedFlag, environment: string): ImportPlan => {
  const updates = stateUpdates({ ...flag, state });
  const staysNew = !state.enabled && state.defaultVariant === null && state.rules.length === 0;
  const input: UpdateFlagState = { flagKey: flag.key, environment, updates, expectedVersion: versionOfNew };
  return {
    key: flag.key,
    outcome: 'created',
    steps: [{ do: 'create', input: flag }, ...(staysNew ? [] : [{ do: 'updateState' as const, input }])],
    issues: [],
  };
};

const textChanges = (flag: Flag, wanted: ImportedFlag): Pick<UpdateFlag, 'name' | 'description' | 'tags'> => ({
  ...(wanted.name !== wanted.key && wanted.name !== flag.name && { name: wanted.name }),
  ...(wanted.description !== null && wanted.description !== flag.description && { description: wanted.description }),
  ...(wanted.tags.length > 0 && !isSameJson(wanted.tags, flag.tags) && { tags: wanted.tags }),
});

const valuesOf = (flag: Parameters<typeof variantsOf>[0]) =>
  Object.fromEntries(variantsOf(flag).map(({ key, value }) => [key, value]));

const stateUpdates = ({ state: { defaultVariant, ...state } }: ImportedFlag): FlagUpdates => ({
  ...state,
  ...(defaultVariant !== null && { defaultVariant }),
});

const isSameState = (flag: Flag, state: FlagState, wanted: ImportedFlag): boolean => {
  const updates = stateUpdates(wanted);
  const isSame = (field: keyof FlagUpdates & keyof FlagState) => isSameJson(updates[field], state[field]);
  const sameDefault = updates.defaultVariant
    ? isSame('defaultVariant')
    : wanted.type === 'BOOLEAN' || state.defaultVariant === null;
  if (sameDefault && isSame('enabled') && isSame('rolloutPercentage') && isSame('rules')) return true;
  const here = toFlagdFlag({ type: flag.type, variants: flag.variants, status: flag.status }, { ...state, version: 0 });
  const there = toFlagdFlag(
    { type: wanted.type, variants: wanted.variants, status: 'ACTIVE' },
    { ...wanted.state, overrides: [], experiment: null },
  );
  return isSameJson(here, there);
};

type Changes = { first: UpdateFlag; updates: FlagUpdates | null; last: UpdateFlag | null; now: Date };

/** Tries the steps in memory, so that the import starts nothing that it cannot finish. */
const rehearse = (
  { flag, states }: Existing,
  state: FlagState,
  { first, updates, last, now }: Changes,
): { issues: ValidationIssue[]; versionBetween: number } => {
  const refused = (issues: ValidationIssue[]) => ({
    issues: issues.map(({ path, message }) => ({ path: ['flags', flag.key, ...path], message })),
    versionBetween: flag.version,
  });
  try {
    const between = updateFlag(flag, states, first, now);
    const next = updates ? applyUpdates({ ...state, status: flag.status }, updates, now) : state;
    if (updates) checkUpdates(between, updates);
    if (last)
      updateFlag(
        between,
        states.map((one) => (one === state ? next : one)),
        last,
        now,
      );
    return { issues: [], versionBetween: between.version };
  } catch (error) {
    if (error instanceof EmergencyOverrideActiveError) return refused([{ path: [], message: error.message }]);
    if (!(error instanceof ValidationError)) throw error;
    return refused(error.issues);
  }
};
