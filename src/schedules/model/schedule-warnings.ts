import type { Environment } from '../../environments/model/environment.ts';
import type { Flag } from '../../flags/model/flag.ts';
import type { FlagState } from '../../flags/model/flag-state.ts';
import { isOpen, type Schedule } from './schedule.ts';

export const scheduleWarningCodes = [
  'EMERGENCY_OVERRIDE_ACTIVE',
  'ENVIRONMENT_DISABLED',
  'FLAG_ARCHIVED',
  'FLAG_DEPRECATED',
  'EXPERIMENT_RUNNING',
] as const;
export type ScheduleWarning = { code: (typeof scheduleWarningCodes)[number]; message: string };

/** The current flag, states and environment of a schedule. */
type Situation = { flag: Flag; states: readonly FlagState[]; environment: Environment | null };

/**
 * Finds what an admin should know about an open schedule before it becomes due: what would make it fail now, and what its
 * change would interfere with. A schedule that is not open has no warnings.
 */
export const findScheduleWarnings = (schedule: Schedule, { flag, states, environment }: Situation): ScheduleWarning[] => {
  if (!isOpen(schedule)) return [];
  // Stored updates can be invalid. Such a schedule fails when it is due, and says why then.
  const status = schedule.updates?.status;
  const warnings: ScheduleWarning[] = [];
  for (const state of states) {
    const isTouched = state.environment === schedule.environment || status !== undefined;
    if (!isTouched || !state.emergency) continue;
    const { reason, startedAt, startedBy } = state.emergency;
    const by = startedBy === null ? '' : ` by '${startedBy}'`;
    const held = `An emergency override${by} has held the flag in ${state.environment} since ${startedAt} (${reason})`;
    warnings.push({ code: 'EMERGENCY_OVERRIDE_ACTIVE', message: `${held}: the schedule fails until it is lifted` });
  }
  if (environment?.enabled === false) {
    const message = `Environment '${environment.key}' is disabled: the schedule fails until somebody enables it`;
    warnings.push({ code: 'ENVIRONMENT_DISABLED', message });
  }
  if (flag.status === 'ARCHIVED' && status !== 'ACTIVE') {
    const message = `Flag '${flag.key}' is archived: the schedule fails until it is made ACTIVE again`;
    warnings.push({ code: 'FLAG_ARCHIVED', message });
  }
  if (flag.status === 'DEPRECATED' && status === undefined) {
    warnings.push({ code: 'FLAG_DEPRECATED', message: `Flag '${flag.key}' is deprecated: it should no longer be used` });
  }
  const experiment = states.find((state) => state.environment === schedule.environment)?.experiment;
  if (experiment) {
    const message = `Experiment '${experiment.key}' has been running in ${schedule.environment} since ${experiment.startedAt}: the schedule changes the flag while it runs`;
    warnings.push({ code: 'EXPERIMENT_RUNNING', message });
  }
  return warnings;
};
