import { bytesOf } from '../kernel/json-size.ts';
import type { ServerContext } from './context.ts';

/** What the context of an operation holds of its request, beside what resolvers see. */
export type SentRequest = Pick<ServerContext, 'req' | 'messageBytes'> & { params: object };

/** How many bytes a request takes. One that came in chunks, or in the address, has no length of its own: its parameters are counted. */
export const sizeOfRequest = ({ req, messageBytes, params }: SentRequest): number =>
  messageBytes ?? (Number(req.headers['content-length'] ?? 0) || bytesOf(params));
