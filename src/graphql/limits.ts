import { costLimitPlugin } from '@escape.tech/graphql-armor-cost-limit';
import { maxAliasesPlugin } from '@escape.tech/graphql-armor-max-aliases';
import { maxDepthPlugin } from '@escape.tech/graphql-armor-max-depth';
import { maxTokensPlugin } from '@escape.tech/graphql-armor-max-tokens';

/** Bytes of a request body, and of a websocket message. */
export const maxRequestBytes = 1024 * 1024;
/** Operations at a time on one socket. */
export const maxSocketOperations = 100;

/** How large an operation may be. GraphiQL's introspection fits; what no honest client sends does not. */
export const limitPlugins = () => [
  maxTokensPlugin({ n: 2000 }),
  maxDepthPlugin({ n: 12, ignoreIntrospection: true }),
  maxAliasesPlugin({ n: 30, allowList: [] }),
  costLimitPlugin({ maxCost: 10_000, ignoreIntrospection: true }),
];
