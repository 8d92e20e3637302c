import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Caller, RequestContext } from '../access/model/actor.ts';
import type { UnreadAnswer } from '../http/unread-answers.ts';
import type { GraphQLApp, Loaders } from './app.ts';
import type { OperationBudget } from './operation-budget.ts';

/** What the transport knows about a request. Authentication sets `caller` before GraphQL sees the request. */
export type ServerContext = {
  req: IncomingMessage;
  res?: ServerResponse;
  requestContext: RequestContext;
  /** Over HTTP: the part of the answer that the client has not read yet. */
  answer?: UnreadAnswer;
  /** Over a socket: the length of the message with the operation, in bytes. */
  messageBytes?: number;
  caller?: Caller;
};

/** What every resolver can reach. */
export type Context = { caller: Caller; app: GraphQLApp; loaders: Loaders; budget: OperationBudget; answer?: UnreadAnswer };
