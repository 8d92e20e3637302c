import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline, Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import { isStorableText } from '../../src/kernel/text.ts';
import { atTestEnd } from './at-test-end.ts';

export type SentEvent = { id: string; type: string; occurredAt: string; details?: Record<string, unknown> } & Record<
  string,
  unknown
>;
type Reply = { status: number; body?: unknown; headers?: Record<string, string> };
/** What a test wants instead of an answer: none at all, one without end, or one that is lost after the events were recorded. */
type Behaviour = Reply | 'hang' | 'never end' | 'never end, compressed' | 'record, then break' | 'answer';

const maxRequestBytes = 1024 * 1024;

/** An audit API as far as the client sees it, on a real socket: idempotent by id, refusing by event and by batch. */
export const startAuditApi = async () => {
  const recorded = new Map<string, SentEvent>();
  const requests: { events: SentEvent[]; authorization: string | undefined; bytes: number }[] = [];
  let now: (() => number) | null = null;
  let behave: (events: SentEvent[]) => Behaviour = () => 'answer';
  let underWay = 0;
  let mostUnderWay = 0;

  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const body = await textOf(request);
    const { query, variables } = JSON.parse(body) as { query: string; variables: { input: { events: SentEvent[] } } };
    const { events } = variables.input;
    requests.push({ events, authorization: request.headers.authorization, bytes: Buffer.byteLength(body) });
    const behaviour = behave(events);
    if (behaviour === 'hang') return;
    if (now) response.setHeader('date', new Date(now()).toUTCString());
    if (behaviour === 'never end') return void pipeline(endless(), response, () => {});
    if (behaviour === 'never end, compressed') {
      response.setHeader('content-encoding', 'gzip');
      return void pipeline(endless(), createGzip(), response, () => {});
    }
    if (typeof behaviour === 'object') return send(response, behaviour);
    if (Buffer.byteLength(body) > maxRequestBytes) return send(response, { status: 413 });
    if (!query.includes('recordAuditEvents(input: $input)') || events.some(isUnfit)) return send(response, badUserInput);
    if (events.length > 500) return send(response, { status: 200, body: validationError });
    const results = events.map(record);
    if (behaviour === 'record, then break') return void response.destroy();
    send(response, { status: 200, body: { data: { recordAuditEvents: { __typename: 'RecordAuditEventsPayload', results } } } });
  };
  const record = (event: SentEvent) => {
    if (event.details?.refuse) return { id: event.id, status: 'REFUSED', issues: [{ path: ['details'], message: 'as asked' }] };
    if (now && !isOfItsTime(event, now()))
      return { id: event.id, status: 'REFUSED', issues: [{ path: ['occurredAt'], message: 'no' }] };
    const status = recorded.has(event.id) ? 'DUPLICATE' : 'RECORDED';
    if (status === 'RECORDED') recorded.set(event.id, event);
    return { id: event.id, status, issues: [] };
  };

  const server = createServer((request, response) => {
    mostUnderWay = Math.max(mostUnderWay, ++underWay);
    // Time is the test's: a real date would be another clock.
    response.sendDate = false;
    response.on('close', () => underWay--);
    void answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const goDown = async () => {
    server.closeAllConnections();
    if (!server.listening) return;
    server.close();
    await once(server, 'close');
  };
  atTestEnd(goDown);

  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    /** What the log holds, in its order. */
    recorded: () => [...recorded.values()],
    losses: () => [...recorded.values()].filter(({ type }) => type === 'audit.loss'),
    mostUnderWay: () => mostUnderWay,
    /** From now on, requests are answered like this. */
    will: (next: Behaviour | ((events: SentEvent[]) => Behaviour)) => {
      behave = typeof next === 'function' ? next : () => next;
    },
    /** From now on it has a clock, says what it shows, and refuses what comes from its future or from before the year 2000. */
    keepTime: (clock: () => number) => {
      now = clock;
    },
    goDown,
    comeBack: async () => {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
    },
  };
};
export type AuditApi = Awaited<ReturnType<typeof startAuditApi>>;

const textOf = async (request: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
};

const send = (response: ServerResponse, { status, body = {}, headers = {} }: Reply): void => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
};

const endless = () => Readable.from(repeat(Buffer.alloc(65_536, ' ')));
function* repeat<T>(value: T): Generator<T> {
  for (;;) yield value;
}

/** As the real API has it: its clock and five minutes, for the event and for the losses that it declares. */
const isOfItsTime = ({ occurredAt, details }: SentEvent, nowMs: number): boolean =>
  [occurredAt, details?.since, details?.until].every((at) => {
    const ms = at === undefined ? nowMs : Date.parse(String(at));
    return ms >= Date.parse('2000-01-01T00:00:00Z') && ms <= nowMs + 300_000;
  });

/** What makes the real API refuse the whole batch: text that cannot be stored, and what a test declares as such. */
const isUnfit = (event: SentEvent): boolean => Boolean(event.details?.unfit) || !isStorableText(textIn(event));
const textIn = (value: unknown): string =>
  typeof value === 'object' && value !== null ? Object.entries(value).flat().map(textIn).join() : String(value);

export const badUserInput: Reply = {
  status: 400,
  body: { errors: [{ message: 'a value is refused', extensions: { code: 'BAD_USER_INPUT' } }] },
};
export const validationError = {
  data: {
    recordAuditEvents: {
      __typename: 'ValidationError',
      message: 'the input is not valid',
      issues: [{ path: ['events'], message: 'too many' }],
    },
  },
};
