import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { type Caller, hasRole, type RequestContext } from '../../access/model/actor.ts';
import { AuthenticationError } from '../../access/model/authenticator.ts';
import type { Identify } from '../../http/identify.ts';
import { pathOf } from '../../http/request-context.ts';
import { requestScope } from '../../http/request-scope.ts';
import { acceptsGzip, makeStaticFile, sendStaticFile } from '../../http/static-file.ts';
import type { TrackedResponse } from '../../http/tracked-response.ts';
import { type UnreadAnswers, unreadRetryMs } from '../../http/unread-answers.ts';
import type { ToUnavailable } from '../../kernel/database-unavailable.ts';
import { type FairQueue, OverShareError } from '../../kernel/limits/fair-queue.ts';
import type { ThrottledLog } from '../../kernel/limits/throttled-log.ts';
import { parseLogPath } from '../model/log-path.ts';
import type { Tiles } from '../ports/tiles.ts';
import type { Checkpoints } from '../ports/tree.ts';
import { type FoundResource, makeFindResource } from './find-resource.ts';
import { LogRefusal, sendLogRefusal, toLogRefusal } from './log-refusal.ts';

type Deps = {
  tiles: Tiles;
  checkpoints: Pick<Checkpoints, 'latest'>;
  /** Whether strangers can read what holds nothing personal in clear. */
  isPublic: boolean;
  identify: Identify;
  recordAccessDenied: (caller: Caller, denied: { operation: string; requiredRole: string }) => void;
  /** Where reads wait for their turn: those of callers beside their queries, and those of strangers apart. */
  queues: { callers: FairQueue; strangers: FairQueue };
  /** Counts what strangers have not read, apart from what callers have not read. */
  unreadByStrangers: Pick<UnreadAnswers, 'open'>;
  toUnavailable: ToUnavailable;
  /** Logs what strangers can cause, at a limited rate. */
  strangers: ThrottledLog;
};

const prefix = '/log/';
const year = 31_536_000;

export const isLogPath = (path: string): boolean => path.startsWith(prefix);

/** Answers a request below /log/, which is laid out as C2SP tlog-tiles says. */
export type ServeLog = (request: IncomingMessage, response: TrackedResponse, requestContext: RequestContext) => void;

export const makeServeLog = ({
  tiles,
  checkpoints,
  isPublic,
  identify,
  recordAccessDenied,
  queues,
  unreadByStrangers,
  toUnavailable,
  strangers,
}: Deps): ServeLog => {
  const findResource = makeFindResource({ tiles, checkpoints });

  /** Throws unless the caller is an auditor. `why` says what is not public. */
  const requireAuditor = (caller: Caller | null, path: string, why: string) => {
    if (!caller) throw new AuthenticationError(`${why}: a bearer token is required: Authorization: Bearer <token>`);
    if (hasRole(caller, 'AUDITOR')) return;
    recordAccessDenied(caller, { operation: nameOf(path), requiredRole: 'AUDITOR' });
    throw new LogRefusal(403, `${nameOf(path)} requires the role AUDITOR: ${why}`);
  };

  /** Counts an answer as unread until it is read, or refuses to make it. */
  const hold = (response: TrackedResponse, caller: Caller | null, bytes: number) => {
    const answer = caller ? response.answer : unreadByStrangers.open();
    if (!caller) {
      response.on('close', () => answer?.close());
      answer?.belongsTo(ownShare());
    }
    const refusal = answer?.hold(bytes);
    if (refusal) throw new OverShareError(refusal, unreadRetryMs);
  };

  const send = async (request: IncomingMessage, response: TrackedResponse, found: FoundResource, caller: Caller | null) => {
    const { type } = found;
    const vary = isPublic ? [] : ['authorization'];
    if ('lines' in found) return sendLines(request, response, found);
    hold(response, caller, found.body.length);
    const file = await makeStaticFile(found.body, type, { compressed: found.compressed });
    const reach = isPublic && !found.isForAuditors ? 'public' : 'private';
    const cacheControl = found.isImmutable ? `${reach}, max-age=${year}, immutable` : `${reach}, max-age=1`;
    sendStaticFile(request, response, { file, cacheControl, vary });
  };

  const answer: (...asked: Parameters<ServeLog>) => Promise<void> = async (request, response, requestContext) => {
    const { method, headers } = request;
    if (method !== 'GET' && method !== 'HEAD') throw new LogRefusal(405, 'the log can only be read', { allow: 'GET, HEAD' });
    const isStranger = isPublic && headers.authorization === undefined;
    const caller = isStranger ? null : await identify(request, { requestContext, answer: response.answer });
    const path = pathOf(request).slice(prefix.length);
    const resource = parseLogPath(path);
    if (!isPublic) requireAuditor(caller, path, 'the log is for auditors');
    if (resource?.kind === 'disclosures') requireAuditor(caller, path, 'disclosures are for auditors');
    if (!resource) throw unknownPath(path);
    const queue = caller ? queues.callers : queues.strangers;
    const found = await queue.run(ownShare(), () => findResource(resource));
    if ('body' in found && found.isForAuditors) {
      requireAuditor(caller, path, 'entries that were recorded before disclosures existed are for auditors');
    }
    await send(request, response, found, caller);
  };

  return (request, response, requestContext) => {
    answer(request, response, requestContext).catch((error: unknown) => {
      if (isClientGone(error)) return;
      const refusal = toLogRefusal(error, { toUnavailable, logger: strangers });
      if (response.headersSent) response.destroy();
      else sendLogRefusal(response, refusal);
    });
  };
};

/** Whose share of the service this request uses: the caller's or, of a stranger, the address's. */
const ownShare = (): string => requestScope.getStore()?.share ?? '';

const isClientGone = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE';

/** What kind of resource is asked for: events and messages name it instead of each single path. */
const nameOf = (path: string): string => {
  const kind = ['checkpoint', 'tile/entries', 'tile', 'disclosures'].find((name) => path === name || path.startsWith(`${name}/`));
  return `${prefix}${kind ?? ''}`;
};

const unknownPath = (path: string): LogRefusal => {
  const kinds = 'checkpoint, tile/<L>/<N>[.p/<W>], tile/entries/<N>[.p/<W>] and disclosures/<N>[.p/<W>]';
  if (!/^(tile|disclosures)\//.test(path))
    return new LogRefusal(404, `there is nothing here; below ${prefix} there are ${kinds}`);
  return new LogRefusal(
    400,
    `this is not the address of a tile. It is one of ${kinds}: <L> is 0 to 63, <N> has three digits or x001/x234/067 for 1234067, and <W> is 1 to 255`,
  );
};

/** Sends lines as they are read, and no faster than the client reads them. */
const sendLines = async (
  { method, headers }: IncomingMessage,
  response: TrackedResponse,
  { type, lines }: Extract<FoundResource, { lines: unknown }>,
): Promise<void> => {
  const refusal = response.answer?.stream();
  if (refusal) throw new OverShareError(refusal, unreadRetryMs);
  const isGzipped = acceptsGzip(headers);
  response.setHeader('vary', 'accept-encoding, authorization');
  if (isGzipped) response.setHeader('content-encoding', 'gzip');
  response.writeHead(200, { 'content-type': type, 'cache-control': 'no-store' });
  if (method === 'HEAD') return void response.end();
  // A pipeline listens for the close of its last stream in several places, and so do we.
  response.setMaxListeners(20);
  await pipeline([Readable.from(lines), ...(isGzipped ? [createGzip()] : []), response]);
};
