import { makeLoader } from '../../graphql/loaders.ts';
import type { makeCreateEnvironment } from '../commands/create-environment.ts';
import type { makeDeleteEnvironment } from '../commands/delete-environment.ts';
import type { EnvironmentStore } from '../commands/environment-store.ts';
import type { makeSetEnvironmentEnabled } from '../commands/set-environment-enabled.ts';
import type { makeUpdateEnvironment } from '../commands/update-environment.ts';
import type { Environment } from '../model/environment.ts';

type EnvironmentLoaders = ReturnType<typeof makeEnvironmentLoaders>;

declare module '../../graphql/app.ts' {
  interface GraphQLApp {
    environments: EnvironmentStore;
    createEnvironment: ReturnType<typeof makeCreateEnvironment>;
    updateEnvironment: ReturnType<typeof makeUpdateEnvironment>;
    deleteEnvironment: ReturnType<typeof makeDeleteEnvironment>;
    setEnvironmentEnabled: ReturnType<typeof makeSetEnvironmentEnabled>;
  }
  interface Loaders extends EnvironmentLoaders {}
}

export const makeEnvironmentLoaders = ({ environments }: { environments: EnvironmentStore }) => ({
  environmentsByKey: makeLoader<string, Environment | null>(async (keys) => {
    const found = new Map((await environments.list()).map((environment) => [environment.key, environment]));
    return keys.map((key) => found.get(key) ?? null);
  }),
});
