import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Operation, Outcome, Updates, Wish } from './evidence.ts';
import { between, makeRandom, pick } from './random.ts';

type Options = {
  urls: readonly string[];
  authorization: string;
  seed: number;
  clients: number;
  record: (operation: Operation) => void;
  signal: AbortSignal;
};

/** Long enough for a slow answer, and short enough to keep a client busy. */
const requestMs = 8000;
const [leastPauseMs, mostPauseMs] = [30, 150];
/** How far ahead schedules are planned. Some become due during a fault. */
const [leastAheadMs, mostAheadMs] = [1500, 6000];

const mutations = {
  createFlag: 'mutation ($input: CreateFlagInput!) { it: createFlag(input: $input) { __typename } }',
  createSchedule:
    'mutation ($input: CreateScheduleInput!) { it: createSchedule(input: $input) { __typename ... on Schedule { id } } }',
  updateFlagState:
    'mutation ($input: UpdateFlagStateInput!) { it: updateFlagState(input: $input) { __typename ... on FlagState { version } } }',
  cancelSchedule: 'mutation ($input: CancelScheduleInput!) { it: cancelSchedule(input: $input) { __typename } }',
} satisfies Record<Wish['kind'], string>;

/** After these errors nothing was done. After any other error the operation can have been done. */
const refusals = new Set(['NOT_READY', 'RATE_LIMITED', 'BAD_USER_INPUT', 'UNAUTHENTICATED', 'FORBIDDEN']);

/** Runs clients that change flags through all API processes until the signal aborts. Resolves after the last answer. */
export const runClients = async ({ urls, authorization, seed, clients, record, signal }: Options): Promise<void> => {
  const flagKeys: string[] = [];
  const open: string[] = [];

  const send = async (random: () => number, wish: Wish): Promise<Operation> => {
    const requestId = randomUUID();
    const answer = await ask(pick(random, urls), { wish, requestId, authorization });
    const operation: Operation = { ...wish, requestId, ...answer, answeredAt: Date.now() };
    record(operation);
    if (operation.outcome === 'ok' && operation.kind === 'createFlag') flagKeys.push(operation.flagKey);
    if (operation.outcome === 'ok' && operation.kind === 'createSchedule' && operation.scheduleId)
      open.push(operation.scheduleId);
    return operation;
  };
  const runClient = async (client: number) => {
    const random = makeRandom(seed * 1000 + client);
    for (let turn = 0; !signal.aborted; turn += 1) {
      const wish = chooseWish(random, { flagKeys, open, name: `c${client}-${turn}` });
      const { outcome } = await send(random, wish);
      // A client without an answer can repeat the request with the same key; that still makes one schedule.
      if (outcome === 'unknown' && wish.kind === 'createSchedule' && random() < 0.5 && !signal.aborted) await send(random, wish);
      await sleep(between(random, leastPauseMs, mostPauseMs), undefined, { signal }).catch(() => {});
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, client) => runClient(client)));
};

type Choice = { flagKeys: readonly string[]; open: string[]; name: string };

const chooseWish = (random: () => number, { flagKeys, open, name }: Choice): Wish => {
  const draw = random();
  if (flagKeys.length < 3 || draw < 0.1) return { kind: 'createFlag', flagKey: `flag-${name}` };
  // Most changes go to a few flags, so that schedules of one flag overlap.
  const flagKey = random() < 0.7 ? pick(random, flagKeys.slice(0, 5)) : pick(random, flagKeys);
  if (draw < 0.3) return { kind: 'updateFlagState', flagKey, updates: chooseUpdates(random) };
  const scheduleId = draw < 0.4 ? open.splice(Math.floor(random() * open.length), 1)[0] : undefined;
  if (scheduleId) return { kind: 'cancelSchedule', scheduleId };
  const scheduledAt = new Date(Date.now() + between(random, leastAheadMs, mostAheadMs)).toISOString();
  return { kind: 'createSchedule', flagKey, scheduledAt, updates: chooseUpdates(random), idempotencyKey: name };
};

const chooseUpdates = (random: () => number): Updates => ({
  ...(random() < 0.5 && { enabled: random() < 0.5 }),
  rolloutPercentage: between(random, 0, 100),
});

type Answer = { outcome: Outcome; said: string; scheduleId?: string; version?: number };
type Body = {
  data?: { it?: { __typename: string; id?: string; version?: number } } | null;
  errors?: { extensions?: { code?: string } }[];
};

const ask = async (
  url: string,
  { wish, requestId, authorization }: { wish: Wish; requestId: string; authorization: string },
): Promise<Answer> => {
  try {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-request-id': requestId, authorization },
      body: JSON.stringify({ query: mutations[wish.kind], variables: { input: inputOf(wish) } }),
      signal: AbortSignal.timeout(requestMs),
    });
    return readAnswer((await response.json()) as Body);
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const said =
      cause instanceof Error ? ('code' in cause && typeof cause.code === 'string' ? cause.code : cause.name) : 'unknown';
    // The connection was refused, so nothing was sent.
    return { outcome: said === 'ECONNREFUSED' ? 'refused' : 'unknown', said };
  }
};

const readAnswer = ({ data, errors }: Body): Answer => {
  const made = data?.it;
  if (!made) {
    const said = errors?.[0]?.extensions?.code ?? 'no answer';
    return { outcome: refusals.has(said) ? 'refused' : 'unknown', said };
  }
  const said = made.__typename;
  if (said.endsWith('Error')) return { outcome: 'refused', said };
  return {
    outcome: 'ok',
    said,
    ...(made.id !== undefined && { scheduleId: made.id }),
    ...(made.version !== undefined && { version: made.version }),
  };
};

const inputOf = (wish: Wish) => {
  const { kind, ...input } = wish;
  if (kind === 'createFlag') return { key: wish.flagKey, name: wish.flagKey };
  return kind === 'cancelSchedule' ? { id: wish.scheduleId } : input;
};
