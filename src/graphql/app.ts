import type { Caller } from '../access/model/actor.ts';

/**
 * What resolvers ask of the application. Each wing adds what its own resolvers need (`graphql/app.ts` in its folder, by
 * declaration merging), so that GraphQL's shared part knows no wing; the composition root checks that all of it is there.
 */
export interface GraphQLApp {
  /** Records a refused operation; returns at once. */
  recordAccessDenied(caller: Caller, denied: { operation: string; requiredRole: string }): void;
}

/** Reads of many objects as one statement each. Each wing adds its own, as above. */
// biome-ignore lint/suspicious/noEmptyInterface: wings add to it
export interface Loaders {}
