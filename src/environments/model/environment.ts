import { z } from 'zod';
import { ValidationError } from '../../kernel/errors.ts';
import { text } from '../../kernel/text.ts';
import { EnvironmentAlreadyExistsError, EnvironmentNotEmptyError } from './environment-errors.ts';

/**
 * A place where applications run. Each flag has its own state in it. A disabled environment takes no new schedules and applies
 * none.
 */
export type Environment = { key: string; name: string; enabled: boolean };

export const maxEnvironments = 50;

export const createEnvironmentSchema = z.object({
  key: text(1, 64).regex(
    /^[A-Za-z0-9][A-Za-z0-9_-]*$/,
    'must start with a letter or digit and hold only letters, digits, _ and -',
  ),
  name: text(1, 255),
});
export type CreateEnvironment = z.infer<typeof createEnvironmentSchema>;

export const updateEnvironmentSchema = z.object({ key: text(1, 64), name: text(1, 255) });
export type UpdateEnvironment = z.infer<typeof updateEnvironmentSchema>;

export const environmentKeySchema = z.object({ key: text(1, 64) });
export type EnvironmentKey = z.infer<typeof environmentKeySchema>;

/**
 * A new environment. Throws an EnvironmentAlreadyExistsError, or a ValidationError if there are too many: every flag has a
 * state in each environment.
 */
export const newEnvironment = ({ key, name }: CreateEnvironment, existing: readonly Environment[]): Environment => {
  if (existing.some((environment) => environment.key === key)) throw new EnvironmentAlreadyExistsError(key);
  if (existing.length >= maxEnvironments) {
    const message = `would be environment ${existing.length + 1}: at most ${maxEnvironments} are allowed`;
    throw new ValidationError([{ path: ['key'], message }]);
  }
  return { key, name, enabled: true };
};

/** The environment that API arguments default to. */
const defaultOfArguments = 'production';

/** What prevents an environment from being deleted. */
export type EnvironmentUse = { changedFlags: number; openSchedules: number };

/**
 * Throws if an environment cannot be deleted: a ValidationError if Flagtrail defaults to it, an EnvironmentNotEmptyError if
 * flags in it differ from new flags or it has open schedules.
 */
export const checkDeletion = ({ key }: Environment, { changedFlags, openSchedules }: EnvironmentUse, defaultOfEvents: string) => {
  const needed = [
    [defaultOfArguments, 'it is the default of arguments of the API'],
    [defaultOfEvents, 'it is the DEFAULT_ENVIRONMENT of events'],
  ].find(([needed]) => needed === key);
  if (needed) throw new ValidationError([{ path: ['key'], message: `is ${key}, which cannot be deleted: ${needed[1]}` }]);
  if (changedFlags > 0 || openSchedules > 0) throw new EnvironmentNotEmptyError(key, changedFlags, openSchedules);
};
