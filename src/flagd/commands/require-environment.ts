import type { EnvironmentStore } from '../../environments/commands/environment-store.ts';
import { EnvironmentNotFoundError } from '../../environments/model/environment-errors.ts';

/** Throws an EnvironmentNotFoundError if no environment has this key. */
export const requireEnvironment = async (environments: EnvironmentStore, key: string): Promise<void> => {
  const known = await environments.list();
  if (!known.some((environment) => environment.key === key)) throw new EnvironmentNotFoundError(key);
};
