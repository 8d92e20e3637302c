import { bytesOf } from '../kernel/json-size.ts';
import type { ServerContext } from './context.ts';

/** What the context of an operation knows about its request, besides what resolvers see. */
export type SentRequest = Pick<ServerContext, 'req' | 'messageBytes'> & { params: object };

/** How many bytes a request takes. A chunked request, or one in the URL, states no length: then its parameters are counted. */
export const sizeOfRequest = ({ req, messageBytes, params }: SentRequest): number =>
  messageBytes ?? (Number(req.headers['content-length'] ?? 0) || bytesOf(params));
