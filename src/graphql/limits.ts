import { maxAliasesPlugin } from '@escape.tech/graphql-armor-max-aliases';
import { maxDepthPlugin } from '@escape.tech/graphql-armor-max-depth';
import { maxTokensPlugin } from '@escape.tech/graphql-armor-max-tokens';
import { GraphQLError, type ValidationContext } from 'graphql';
import type { OperationLimits } from './operation-budget.ts';
import { useCostLimit } from './plugins/cost-limit.ts';
import type { SubscriptionLimits } from './plugins/live-subscriptions.ts';
import { useNameLimit } from './plugins/name-limit.ts';
import type { SocketLimits } from './socket-places.ts';

/** Bytes of a request body, and of a websocket message. */
export const maxRequestBytes = 1024 * 1024;
/** Operations at a time on one socket. */
export const maxSocketOperations = 100;
/** Bytes of answers that wait for one socket to read them. Who reads as they come stays far below: sends are awaited. */
export const maxBufferedSocketBytes = 8 * 1024 * 1024;
/**
 * Subscriptions that live at a time, over sockets and event streams. Each holds some 80 KB, and a page of a browser has one or a
 * few of them. They hold their requests, too, which have a kilobyte or a few.
 */
export const subscriptionLimits: SubscriptionLimits = {
  max: 20_000,
  maxPerCaller: 10_000,
  bytes: { max: 256 * 1024 * 1024, maxPerCaller: 64 * 1024 * 1024 },
};
/** Characters of a name or an alias in a document. */
const maxNameLength = 255;
/** When a caller who left too many answers unread may ask again. */
export const unreadRetryMs = 1000;
/** Bytes of one answer, or one event of a subscription: more than exportFlags gives, and than a page of 200 real events. */
export const maxAnswerBytes = 20 * 1024 * 1024;
/**
 * What one operation may read, and for how long. A page of 200 schedules with 100 conflicts each fits, and one of 200 events
 * that hold as much as an event may.
 */
export const operationLimits: OperationLimits = { rows: 25_000, bytes: 32 * 1024 * 1024, ms: 20_000, readsAtOnce: 4 };
/** Parsed documents that are kept: the length of each, and what all take of the heap. */
export const documentCacheLimits = { maxDocumentLength: 16 * 1024, maxBytes: 16 * 1024 * 1024 };

/** Sockets at a time. Who opens thousands at once, and then authenticates, is within what may wait. */
export const socketLimits: SocketLimits = {
  maxSockets: 10_000,
  maxSocketsPerCaller: 5_000,
  maxWaitingSockets: 5_000,
  maxWaitingSocketsPerAddress: 2_500,
};
/** How long a socket may take to say who it is. */
export const socketInitMs = 5_000;

/**
 * A thrown finding would pass by everything that gives errors their code and status: it is reported instead, as other
 * findings are.
 */
const asFinding = {
  propagateOnRejection: false,
  onReject: [
    (context: ValidationContext | null, { message }: GraphQLError) =>
      context?.reportError(new GraphQLError(message.replace('Syntax Error: ', ''))),
  ],
};

/** How large an operation may be. GraphiQL's introspection fits; what no honest client sends does not. */
export const limitPlugins = () => [
  maxTokensPlugin({ n: 2000 }),
  useNameLimit({ maxLength: maxNameLength }),
  maxDepthPlugin({ n: 12, ignoreIntrospection: true, ...asFinding }),
  maxAliasesPlugin({ n: 30, allowList: [], ...asFinding }),
  useCostLimit({ maxCost: 100_000 }),
];
