import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from 'graphql-ws';
import type { FlagSetting } from './gates.ts';

// Calls Flagtrail's API with only `fetch` and graphql-ws. Copy what you need.

export type LogEvent = {
  id: string;
  position: number;
  cursor: string;
  eventType: string;
  scheduleId: string | null;
  flagKey: string | null;
  description: string;
  metadata: { latenessMs?: number; errorMessage?: string };
};
export type ScheduleStatus = 'PENDING' | 'APPLIED' | 'FAILED' | 'CANCELLED';
type Connection<Node> = { edges: { node: Node }[]; pageInfo: { endCursor: string | null; hasNextPage: boolean } };
/** A mutation returns its result, or an error that the caller can act on. */
export type Outcome<Made> = ({ __typename: string } & Made) | { __typename: string; message: string; code: string };

const eventFields = 'id position cursor eventType scheduleId flagKey description metadata';
const createFlag = `mutation ($input: CreateFlagInput!) {
  createFlag(input: $input) { __typename ... on Flag { key } ... on Error { message code } } }`;
const createSchedule = `mutation ($input: CreateScheduleInput!) {
  createSchedule(input: $input) { __typename ... on Schedule { id } ... on Error { message code } } }`;
const flags = `query ($search: String, $after: String) {
  page: flags(filter: { search: $search }, first: 200, after: $after) {
    edges { node { key state { enabled rolloutPercentage } } } pageInfo { endCursor hasNextPage } } }`;
const schedules = `query ($from: DateTime!, $to: DateTime!, $after: String) {
  page: schedules(filter: { from: $from, to: $to }, first: 200, after: $after) {
    edges { node { id status } } pageInfo { endCursor hasNextPage } } }`;
const events = `query ($after: String) {
  page: auditEvents(order: OLDEST_FIRST, first: 200, after: $after) {
    edges { node { ${eventFields} } } pageInfo { endCursor hasNextPage } } }`;
const newestEvent = 'query { page: auditEvents(first: 1) { edges { node { cursor position } } } }';
const signedLog = 'query { serviceStatus { log { signingKey signedSize } } }';
const feed = `subscription ($after: String) { event: auditEvents(after: $after) { ${eventFields} } }`;

/** The operations of the demo. `signal` aborts those under way. */
export const makeApi = ({ url, token, signal }: { url: string; token: string; signal: AbortSignal }) => {
  const authorization = `Bearer ${token}`;

  const gql = async <Data>(query: string, variables: Record<string, unknown> = {}): Promise<Data> => {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization },
      body: JSON.stringify({ query, variables }),
      signal,
    });
    const { data, errors } = (await response.json()) as { data?: Data | null; errors?: { message: string }[] };
    if (errors || !data)
      throw new Error(`${url} answered ${response.status}: ${errors?.map(({ message }) => message).join('; ')}`);
    return data;
  };

  const all = async <Node>(query: string, variables: Record<string, unknown>, after?: string | null): Promise<Node[]> => {
    const { page } = await gql<{ page: Connection<Node> }>(query, { ...variables, after });
    const nodes = page.edges.map(({ node }) => node);
    return page.pageInfo.hasNextPage ? nodes.concat(await all(query, variables, page.pageInfo.endCursor)) : nodes;
  };

  return {
    createFlag: async (input: { key: string; name: string; description: string; tags: string[] }) =>
      (await gql<{ createFlag: Outcome<{ key: string }> }>(createFlag, { input })).createFlag,
    createSchedule: async (input: { flagKey: string; scheduledAt: Date; updates: FlagSetting; idempotencyKey: string }) =>
      (await gql<{ createSchedule: Outcome<{ id: string }> }>(createSchedule, { input })).createSchedule,
    /** Lists flags whose key or name contains `search`, with their state in production. */
    flags: (search: string) => all<{ key: string; state: FlagSetting }>(flags, { search: search || null }),
    /** Lists schedules that are due from `from` until before `to`. */
    schedules: (range: { from: Date; to: Date }) => all<{ id: string; status: ScheduleStatus }>(schedules, range),
    /** Reads the log from its start, or after a cursor. */
    eventsAfter: (cursor: string | null) => all<LogEvent>(events, {}, cursor),
    newestEvent: async () => (await gql<{ page: Connection<LogEvent> }>(newestEvent)).page.edges[0]?.node ?? null,
    /** How much of the log is signed, and the verifier line of the key that signs it. */
    signedLog: async () =>
      (await gql<{ serviceStatus: { log: { signingKey: string | null; signedSize: number | null } } }>(signedLog)).serviceStatus
        .log,
    follow: (after: string) => follow({ url, authorization, after, signal }),
  };
};
export type Api = ReturnType<typeof makeApi>;

/**
 * Follows the log live, after a cursor. If the connection drops, reconnects and goes on where it stopped: no event is missing
 * or doubled.
 */
async function* follow({ url, authorization, after, signal }: FollowOptions): AsyncGenerator<LogEvent, undefined> {
  // graphql-ws's own retries would start from the first cursor again, so they are off.
  const client = createClient({
    url: `${url.replace(/^http/, 'ws')}/graphql`,
    connectionParams: { authorization },
    retryAttempts: 0,
  });
  const dispose = () => void client.dispose();
  signal.addEventListener('abort', dispose);
  let cursor = after;
  try {
    while (!signal.aborted) {
      try {
        for await (const { data, errors } of client.iterate<{ event: LogEvent }>({ query: feed, variables: { after: cursor } })) {
          if (errors || !data) throw new Error(`the live feed failed: ${errors?.map(({ message }) => message).join('; ')}`);
          cursor = data.event.cursor;
          yield data.event;
        }
      } catch (error) {
        if (!isDrop(error)) throw error;
      }
      await sleep(500, undefined, { signal }).catch(() => {});
    }
  } finally {
    signal.removeEventListener('abort', dispose);
    await client.dispose();
  }
}
type FollowOptions = { url: string; authorization: string; after: string; signal: AbortSignal };

/**
 * Whether another try makes sense: going away, broken connection, restart, overload. A close code of 4400 or more is a refusal.
 */
const isDrop = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'code' in error && [1001, 1006, 1012, 1013].includes(Number(error.code));
