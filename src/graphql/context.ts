import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Caller, RequestContext } from '../access/model/actor.ts';
import type { UnreadAnswer } from '../http/unread-answers.ts';
import type { GraphQLApp, Loaders } from './app.ts';
import type { OperationBudget } from './operation-budget.ts';

/** What the transport knows of a request; `caller` is set by authentication, before GraphQL sees anything. */
export type ServerContext = {
  req: IncomingMessage;
  res?: ServerResponse;
  requestContext: RequestContext;
  /** Over HTTP: what waits of the answer for its reader. */
  answer?: UnreadAnswer;
  /** Over a socket: how long the message with the operation is. */
  messageBytes?: number;
  caller?: Caller;
};

/** What every resolver can reach. */
export type Context = { caller: Caller; app: GraphQLApp; loaders: Loaders; budget: OperationBudget; answer?: UnreadAnswer };
