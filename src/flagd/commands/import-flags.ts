import type { Caller } from '../../access/model/actor.ts';
import type { EnvironmentStore } from '../../environments/commands/environment-store.ts';
import type { FlagStore } from '../../flags/commands/flag-store.ts';
import { findNeededBySchedules } from '../../flags/commands/needed-by-schedules.ts';
import type { OpenSchedules } from '../../flags/commands/open-schedules.ts';
import type { UpdateFlagState } from '../../flags/model/apply-updates.ts';
import type { CreateFlag } from '../../flags/model/flag.ts';
import type { UpdateFlag } from '../../flags/model/update-flag.ts';
import type { Clock } from '../../kernel/clock.ts';
import { ValidationError, type ValidationIssue } from '../../kernel/errors.ts';
import type { ImportedFlag } from '../model/flagd-import.ts';
import { type ImportOutcome, type ImportPlan, type ImportStep, planImport } from '../model/import-plan.ts';
import { requireEnvironment } from './require-environment.ts';

type Deps = {
  environments: EnvironmentStore;
  flags: Pick<FlagStore, 'find' | 'statesOf'>;
  schedules: Pick<OpenSchedules, 'listOpenWithVariants'>;
  createFlag: (admin: Caller, input: CreateFlag) => Promise<unknown>;
  updateFlag: (admin: Caller, input: UpdateFlag) => Promise<unknown>;
  updateFlagState: (admin: Caller, input: UpdateFlagState) => Promise<unknown>;
  clock: Clock;
};
type Options = {
  environment: string;
  /** Checks the import without changing anything. */
  dryRun: boolean;
  /** Called for each flag that is compared with the stored one, before any change. The import waits for this and for `onFlag`. */
  onCompared: () => Promise<void> | void;
  /** Called for each flag that is imported. */
  onFlag: (flag: { key: string; outcome: ImportOutcome }) => Promise<void> | void;
  /** Ends the import after the flag under way. */
  signal: AbortSignal;
};

const maxIssues = 20;

/**
 * Makes flags, and their states in one environment, match a file, with an event for each change. If one flag cannot be
 * imported, nothing is changed. If the import stops in the middle, it can be run again; it skips what already matches. Throws
 * EnvironmentNotFoundError, a ValidationError with up to 20 issues, and what the changes throw.
 */
export const makeImportFlags =
  ({ environments, flags, schedules, createFlag, updateFlag, updateFlagState, clock }: Deps) =>
  async (
    admin: Caller,
    wanted: readonly ImportedFlag[],
    { environment, dryRun, onCompared, onFlag, signal }: Options,
  ): Promise<void> => {
    await requireEnvironment(environments, environment);
    const plan = async (flag: ImportedFlag): Promise<ImportPlan> => {
      const found = await flags.find(flag.key);
      const states = found ? ((await flags.statesOf([found.id])).get(found.id) ?? []) : [];
      const planned = planImport(flag, found && { flag: found, states }, { environment, now: clock.now() });
      if (!found || planned.issues.length > 0) return planned;
      const missing = await findNeededBySchedules(schedules, found, flag);
      return { ...planned, issues: missing.map(({ path, message }) => ({ path: ['flags', flag.key, ...path], message })) };
    };
    const take = (step: ImportStep): Promise<unknown> => {
      if (step.do === 'create') return createFlag(admin, step.input);
      return step.do === 'update' ? updateFlag(admin, step.input) : updateFlagState(admin, step.input);
    };

    const plans: ImportPlan[] = [];
    const issues: ValidationIssue[] = [];
    for (const flag of wanted) {
      if (signal.aborted) return;
      const planned = await plan(flag);
      plans.push(planned);
      issues.push(...planned.issues.slice(0, maxIssues));
      if (issues.length >= maxIssues) break;
      await onCompared();
    }
    if (issues.length > 0) throw new ValidationError(issues.slice(0, maxIssues));
    for (const { key, outcome, steps } of plans) {
      if (signal.aborted) return;
      if (!dryRun) for (const step of steps) await take(step);
      await onFlag({ key, outcome });
    }
  };
