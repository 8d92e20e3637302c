import { GraphQLError, type GraphQLSchema, NoSchemaIntrospectionCustomRule } from 'graphql';
import { createYoga } from 'graphql-yoga';
import type { Logger } from 'pino';
import type { Authenticate, WatchKey } from '../access/model/authenticator.ts';
import { makeIdentify } from '../http/identify.ts';
import type { Clock } from '../kernel/clock.ts';
import type { ToUnavailable } from '../kernel/database-unavailable.ts';
import { OverShareError } from '../kernel/limits/fair-queue.ts';
import type { OnRefused } from '../kernel/limits/refusals.ts';
import type { ThrottledLog } from '../kernel/limits/throttled-log.ts';
import type { GraphQLApp, Loaders } from './app.ts';
import type { Context, ServerContext } from './context.ts';
import { rateLimited, serviceUnavailable } from './errors.ts';
import {
  documentCacheLimits,
  limitPlugins,
  maxAnswerBytes,
  maxRequestBytes,
  operationLimits,
  subscriptionLimits,
} from './limits.ts';
import { makeOperationBudget, type OperationBudget, type OperationLimits } from './operation-budget.ts';
import { useAnswerLimit } from './plugins/answer-limit.ts';
import { useAuthentication } from './plugins/authentication.ts';
import { useAuthorisation } from './plugins/authorisation.ts';
import { useDocumentCache } from './plugins/document-cache.ts';
import { useErrorCodes } from './plugins/error-codes.ts';
import { useHttpResults } from './plugins/http-results.ts';
import { useJsonRequests } from './plugins/json-requests.ts';
import { type SubscriptionLimits, useLiveSubscriptions } from './plugins/live-subscriptions.ts';
import { type MutationRate, useMutationRate } from './plugins/mutation-rate.ts';
import { useOperationBudget } from './plugins/operation-budget.ts';
import { type OnOperation, useOperations } from './plugins/operations.ts';
import { type OperationQueues, useShares } from './plugins/shares.ts';
import { useStorableText } from './plugins/storable-text.ts';

type Deps = {
  app: GraphQLApp;
  schema: GraphQLSchema;
  /** The same application, but its reads count towards the budget of one operation. */
  meterReads: (app: GraphQLApp, budget: OperationBudget) => GraphQLApp;
  /** Makes the loaders of one operation. */
  makeLoaders: (app: GraphQLApp) => Loaders;
  authenticate: Authenticate;
  watchKey: WatchKey;
  introspection: boolean;
  allowedOrigins: readonly string[];
  onOperation: OnOperation;
  mutationRate: MutationRate;
  onRefused: OnRefused;
  queues: OperationQueues;
  clock: Clock;
  /** Tells errors of an unavailable database from other errors. */
  toUnavailable: ToUnavailable;
  logger: Pick<Logger, 'error'>;
  /** Logs, at a limited rate, what strangers can cause and what every request causes in an outage. */
  strangers: ThrottledLog;
  /** Limits on what one operation reads, how long it runs, and how large one answer is. */
  limits?: OperationLimits & { answerBytes: number };
  /** Limits on live subscriptions. */
  subscriptions?: SubscriptionLimits;
};

export const graphqlPath = '/graphql';

/** GraphQL over HTTP. The websocket server runs its operations through the same plugins. */
export const makeGraphQLServer = ({
  app,
  schema,
  meterReads,
  makeLoaders,
  authenticate,
  watchKey,
  introspection,
  allowedOrigins,
  onOperation,
  mutationRate,
  onRefused,
  queues,
  clock,
  toUnavailable,
  logger,
  limits = { ...operationLimits, answerBytes: maxAnswerBytes },
  subscriptions = subscriptionLimits,
  strangers,
}: Deps) =>
  createYoga<ServerContext, Context>({
    schema,
    graphqlEndpoint: graphqlPath,
    context: ({ caller }) => {
      // Authentication always runs first, so this is a bug.
      if (!caller) throw new Error('an operation without a caller');
      const budget = makeOperationBudget(limits);
      const metered = meterReads(app, budget);
      return { caller, app: metered, loaders: makeLoaders(metered), budget };
    },
    plugins: [
      useAuthentication({ identify: makeIdentify(authenticate), logger: strangers }),
      useJsonRequests(),
      // Suggestions ("Did you mean …") would reveal the schema name by name although introspection is off.
      useErrorCodes({ rules: introspection ? [] : [NoSchemaIntrospectionCustomRule], hideSuggestions: !introspection }),
      ...limitPlugins(),
      useStorableText(),
      useHttpResults({ clock, watchKey }),
      useAuthorisation(),
      // After the check of roles: documents that their caller may not run are not cached.
      useDocumentCache(documentCacheLimits),
      useOperationBudget(),
      useLiveSubscriptions({ limits: subscriptions, onRefused }),
      useAnswerLimit({ maxBytes: limits.answerBytes }),
      useMutationRate({ rate: mutationRate, clock, onRefused }),
      // Last, so that it wraps everything that runs.
      useShares(queues),
      useOperations({ onOperation }),
    ],
    // Our own HTTP server serves the page, so Yoga does not.
    graphiql: false,
    landingPage: false,
    multipart: false,
    parserAndValidationCache: false,
    batching: false,
    maxRequestBodySize: maxRequestBytes,
    // Always a list, so that Yoga sends `Vary: Origin`, which caches need. No credentials: tokens come in a header, which no
    // browser adds by itself.
    cors: (request) => {
      const origin = request.headers.get('origin');
      if (!origin || !allowedOrigins.includes(origin)) return false;
      return {
        origin: [origin, origin],
        credentials: false,
        methods: ['GET', 'POST'],
        allowedHeaders: ['authorization', 'content-type', 'x-request-id', 'x-on-behalf-of'],
        exposedHeaders: ['x-request-id', 'www-authenticate', 'retry-after'],
        maxAge: 600,
      };
    },
    maskedErrors: { maskError: (error) => maskError(error, { toUnavailable, logger, strangers }) },
    // Yoga does not log: errors are logged once, where they are masked.
    logging: false,
  });

export type GraphQLServer = ReturnType<typeof makeGraphQLServer>;

/** It warns of mutations, because a lost answer can be that of a commit. */
const unavailableMessage =
  'The database does not answer now: try again. If this was a mutation, check first whether its change was made';

/** Masks errors that are not meant for clients. This is the one place that logs them. */
const maskError = (
  error: unknown,
  { toUnavailable, logger, strangers }: Pick<Deps, 'toUnavailable' | 'logger' | 'strangers'>,
): Error => {
  const original = error instanceof GraphQLError ? error.originalError : error;
  if (error instanceof GraphQLError && (original == null || original instanceof GraphQLError)) return error;
  const place = error instanceof GraphQLError ? { nodes: error.nodes, path: error.path } : {};
  if (original instanceof OverShareError) {
    const { message, extensions } = rateLimited(original.message, original.retryAfterMs);
    return new GraphQLError(message, { ...place, extensions });
  }
  const unavailable = toUnavailable(original ?? error);
  if (unavailable) {
    strangers.warn({}, `an operation was refused, the database is unavailable: ${unavailable.message}`);
    const { message, extensions } = serviceUnavailable(unavailableMessage);
    return new GraphQLError(message, { ...place, extensions });
  }
  logger.error({ err: original ?? error }, 'an operation failed');
  return new GraphQLError('Something went wrong on our side; the service log has the details', {
    ...place,
    extensions: { code: 'INTERNAL_SERVER_ERROR', http: { status: 500 } },
  });
};
