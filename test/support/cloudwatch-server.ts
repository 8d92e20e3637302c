import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { type AcceptedEvent, CloudWatchError, makeCloudWatchRules, type Rejections } from './cloudwatch-rules.ts';

/** How a call goes wrong. "accept" means that the events were stored before it went wrong. */
export type Fault =
  /** Not at all. */
  | { kind: 'none' }
  | { kind: 'error'; status: number; code: string }
  /** The connection breaks before or after the call is carried out. */
  | { kind: 'cut' | 'accept, then cut' }
  /** There is no answer until the client gives up. */
  | { kind: 'hang' | 'accept, then hang' }
  /** Answers only once the promise resolves. */
  | { kind: 'slow'; until: Promise<unknown> }
  /** Rejects these, whatever their timestamps. */
  | { kind: 'reject'; rejections: Rejections };

export const throttling: Fault = { kind: 'error', status: 400, code: 'ThrottlingException' };
export const internalError: Fault = { kind: 'error', status: 500, code: 'InternalFailure' };
export const unavailable: Fault = { kind: 'error', status: 503, code: 'ServiceUnavailableException' };

type Options = {
  now: () => Date;
  /** If this is true for an event, its whole call is refused. */
  refuse?: (message: string) => boolean;
};

/** CloudWatch Logs as a shipper sees it: AWS JSON 1.1 over HTTP, every documented rule of PutLogEvents, and faults on request. */
export const startCloudWatchServer = async ({ now, refuse }: Options) => {
  const rules = makeCloudWatchRules({ now, refuse });
  const calls: string[] = [];
  const faults: Fault[] = [];
  const inBetween = new Map<string, () => void>();
  const denied = new Map<string, string>();
  let standing: Fault | null = null;

  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const body = await text(request);
    const operation = checkProtocol(request);
    calls.push(operation);
    inBetween.get(operation)?.();
    inBetween.delete(operation);
    const forbidden = denied.get(operation);
    if (forbidden) throw new CloudWatchError('AccessDeniedException', forbidden);
    const fault = operation === 'PutLogEvents' ? (faults.shift() ?? standing) : null;
    if (fault?.kind === 'error') throw new CloudWatchError(fault.code, 'as the test wanted', fault.status);
    if (fault?.kind === 'cut') return request.socket.destroy();
    if (fault?.kind === 'hang') return;
    if (fault?.kind === 'slow') await fault.until;
    const result = rules.carryOut(operation, body, fault?.kind === 'reject' ? fault.rejections : undefined);
    if (fault?.kind === 'accept, then cut') return request.socket.destroy();
    if (fault?.kind === 'accept, then hang') return;
    reply(response, 200, result);
  };

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      const { code, status, message } =
        error instanceof CloudWatchError ? error : new CloudWatchError('InternalFailure', String(error), 500);
      reply(response, status, { __type: code, message });
    });
  });
  const listen = async (port: number) => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };
  const close = async () => {
    if (!server.listening) return;
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  };
  const port = await listen(0);

  return {
    url: `http://127.0.0.1:${port}`,
    /** The operations called so far. */
    calls,
    /** The events in a stream, in the order in which they arrived. */
    accepted: (group: string, stream: string): readonly AcceptedEvent[] => rules.accepted(group, stream),
    createGroup: rules.createGroup,
    createStream: rules.createStream,
    /** Makes the next PutLogEvents calls go wrong, one for each fault. */
    failNext: (...next: Fault[]) => {
      faults.push(...next);
    },
    /** Makes all calls go wrong, until it is called with null. */
    failAlways: (fault: Fault | null) => {
      standing = fault;
    },
    /** Refuses an operation from now on, as without the permission. */
    deny: (operation: string) => {
      denied.set(operation, `User: test is not authorized to perform: logs:${operation}`);
    },
    /** Runs `happen` just before the next call of an operation is carried out, as though another client had been faster. */
    beforeNext: (operation: string, happen: () => void) => {
      inBetween.set(operation, happen);
    },
    /** Refuses connections from now on. */
    goDown: close,
    comeBack: async () => {
      await listen(port);
    },
    [Symbol.asyncDispose]: close,
  };
};
export type CloudWatchServer = Awaited<ReturnType<typeof startCloudWatchServer>>;

const reply = (response: ServerResponse, status: number, body: object) => {
  if (response.destroyed) return;
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-requestid': crypto.randomUUID() });
  response.end(JSON.stringify(body));
};

/** The operation that the request's headers name. Throws if it is not a signed AWS JSON 1.1 request. */
const checkProtocol = ({ method, headers }: IncomingMessage): string => {
  const { authorization = '', 'content-type': type, 'content-encoding': encoding, 'x-amz-date': date } = headers;
  if (method !== 'POST' || type !== 'application/x-amz-json-1.1' || encoding)
    throw new CloudWatchError('UnknownOperationException', `no AWS JSON 1.1: ${method} ${type} ${encoding}`, 404);
  const signed =
    /^AWS4-HMAC-SHA256 Credential=[^/]+\/\d{8}\/[^/]+\/logs\/aws4_request, SignedHeaders=\S*x-amz-target\S*, Signature=[0-9a-f]{64}$/;
  if (!date || !signed.test(authorization)) throw new CloudWatchError('MissingAuthenticationTokenException', 'not signed');
  const target = headers['x-amz-target'];
  const operation = typeof target === 'string' ? /^Logs_20140328\.(\w+)$/.exec(target)?.[1] : undefined;
  if (!operation) throw new CloudWatchError('UnknownOperationException', `X-Amz-Target is ${target}`);
  return operation;
};
