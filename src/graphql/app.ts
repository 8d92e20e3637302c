import type { Caller } from '../access/model/actor.ts';

/**
 * What resolvers need from the application. Each wing adds what its own resolvers need (by declaration merging, in its
 * `graphql/app.ts`), so that the shared part of GraphQL knows no wing. The composition root checks that nothing is missing.
 */
export interface GraphQLApp {
  /** Records a refused operation in the background. */
  recordAccessDenied(caller: Caller, denied: { operation: string; requiredRole: string }): void;
}

/** DataLoaders, which read many objects with one statement. Each wing adds its own, as above. */
// biome-ignore lint/suspicious/noEmptyInterface: wings add to it
export interface Loaders {}
