import { maxAliasesPlugin } from '@escape.tech/graphql-armor-max-aliases';
import { maxDepthPlugin } from '@escape.tech/graphql-armor-max-depth';
import { maxTokensPlugin } from '@escape.tech/graphql-armor-max-tokens';
import { GraphQLError, type ValidationContext } from 'graphql';
import type { OperationLimits } from './operation-budget.ts';
import { useCostLimit } from './plugins/cost-limit.ts';
import type { SubscriptionLimits } from './plugins/live-subscriptions.ts';
import { useNameLimit } from './plugins/name-limit.ts';
import type { SocketLimits } from './socket-places.ts';

/** Most bytes of a request body, and of a websocket message. */
export const maxRequestBytes = 1024 * 1024;
/** Most operations that run at a time on one socket. */
export const maxSocketOperations = 100;
/** Most bytes of answers that one socket has not read. A client that keeps reading stays far below, because sends are awaited. */
export const maxBufferedSocketBytes = 8 * 1024 * 1024;
/**
 * Subscriptions that live at a time, over sockets and event streams. Each holds about 80 KB, and its request, which has a few
 * kilobytes. A browser page has one or a few of them.
 */
export const subscriptionLimits: SubscriptionLimits = {
  max: 20_000,
  maxPerCaller: 10_000,
  bytes: { max: 256 * 1024 * 1024, maxPerCaller: 64 * 1024 * 1024 },
};
/** Most characters of a name or an alias in a document. */
const maxNameLength = 255;
/** Most bytes of one answer, or one event of a subscription: more than exportFlags or a page of 200 real events needs. */
export const maxAnswerBytes = 20 * 1024 * 1024;
/**
 * How much one operation can read, and for how long it can run. A page of 200 schedules with 100 conflicts each fits, and so
 * does a page of 200 events of the largest size.
 */
export const operationLimits: OperationLimits = { rows: 25_000, bytes: 32 * 1024 * 1024, ms: 20_000, readsAtOnce: 4 };
/** Limits of the cache of parsed documents: the length of each, and the heap that all of them take. */
export const documentCacheLimits = { maxDocumentLength: 16 * 1024, maxBytes: 16 * 1024 * 1024 };

/** Sockets at a time. A client can open thousands at once and then authenticate them: that many can wait. */
export const socketLimits: SocketLimits = {
  maxSockets: 10_000,
  maxSocketsPerCaller: 5_000,
  maxWaitingSockets: 5_000,
  maxWaitingSocketsPerAddress: 2_500,
};
/** How long a socket can take to authenticate. */
export const socketInitMs = 5_000;

/**
 * Reports violations as validation errors, as other rules do. A thrown error would bypass the plugins that give errors their
 * code and HTTP status.
 */
const reportAsError = {
  propagateOnRejection: false,
  onReject: [
    (context: ValidationContext | null, { message }: GraphQLError) =>
      context?.reportError(new GraphQLError(message.replace('Syntax Error: ', ''))),
  ],
};

/** Limits on the size of an operation. GraphiQL's introspection query fits; operations that only attackers send do not. */
export const limitPlugins = () => [
  maxTokensPlugin({ n: 2000 }),
  useNameLimit({ maxLength: maxNameLength }),
  maxDepthPlugin({ n: 12, ignoreIntrospection: true, ...reportAsError }),
  maxAliasesPlugin({ n: 30, allowList: [], ...reportAsError }),
  useCostLimit({ maxCost: 100_000 }),
];
