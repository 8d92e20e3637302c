import { expect, vi } from 'vitest';
import type { TestService } from './service.ts';

export type ApiKey = {
  id: string;
  name: string;
  prefix: string;
  roles: string[];
  createdAt: string;
  createdBy: string | null;
  expiresAt: string | null;
  lastUsedAt: string | null;
  revokedAt: string | null;
  revokedBy: string | null;
};
type Result = {
  __typename: string;
  apiKey?: ApiKey;
  secret?: string;
  issues?: { path: string[]; message: string }[];
  code?: string;
  message?: string;
} & Partial<ApiKey>;

const fields = 'id name prefix roles createdAt createdBy expiresAt lastUsedAt revokedAt revokedBy';
const errors = '... on Error { code message } ... on ValidationError { issues { path message } }';
type As = Parameters<TestService['gql']>[2];

/** What admins do with API keys, in GraphQL. */
export const operationsOf = ({ gql }: Pick<TestService, 'gql'>) => {
  const create = async (input: object, as?: As): Promise<Result> => {
    const query = `mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) {
      __typename ... on CreateApiKeyPayload { secret apiKey { ${fields} } } ${errors} } }`;
    const { data, ...rest } = await gql<{ createApiKey: Result }>(query, { input }, as);
    return data?.createApiKey ?? expect.unreachable(JSON.stringify(rest));
  };
  return {
    create,
    /** Creates a key, and fails the test if that fails. */
    newKey: async (input: object = {}, as?: As): Promise<{ apiKey: ApiKey; secret: string }> => {
      const { apiKey, secret } = await create({ name: 'billing', ...input }, as);
      if (!apiKey || !secret) throw new Error('no key was made');
      return { apiKey, secret };
    },
    revoke: async (id: string, as?: As): Promise<Result> => {
      const query = `mutation ($id: ID!) { revokeApiKey(input: { id: $id }) { __typename ... on ApiKey { ${fields} } ${errors} } }`;
      const { data, ...rest } = await gql<{ revokeApiKey: Result }>(query, { id }, as);
      return data?.revokeApiKey ?? expect.unreachable(JSON.stringify(rest));
    },
    list: async (args = 'first: 50', as?: As) => {
      type Connection = { totalCount: number; pageInfo: { hasNextPage: boolean; endCursor: string }; edges: { node: ApiKey }[] };
      const query = `{ apiKeys(${args}) { totalCount pageInfo { hasNextPage endCursor } edges { node { ${fields} } } } }`;
      const { data, ...rest } = await gql<{ apiKeys: Connection }>(query, {}, as);
      const { edges, ...connection } = data?.apiKeys ?? expect.unreachable(JSON.stringify(rest));
      return { ...connection, keys: edges.map(({ node }) => node) };
    },
  };
};

export type LoggedEvent = {
  id: string;
  eventType: string;
  result: string;
  actor: { type: string; id: string; name: string | null; email: string | null };
  resource: { type: string; id: string } | null;
  description: string;
  metadata: Record<string, unknown>;
  previousState: Record<string, unknown> | null;
  newState: Record<string, unknown> | null;
  changes: { field: string; previousValue: unknown; newValue: unknown }[];
  requestContext: Record<'ipAddress' | 'userAgent' | 'requestId' | 'sessionId' | 'apiKeyId', string | null> | null;
  environment: string;
  workspaceId: string | null;
  errorMessage: string | null;
  occurredAt: string;
};

/** The events that a filter matches, oldest first, as soon as there are as many as expected. */
export const eventsOf = ({ gql }: Pick<TestService, 'gql'>, filter: object, count = 1): Promise<LoggedEvent[]> =>
  vi.waitFor(
    async () => {
      const { data } = await gql<{ auditEvents: { edges: { node: LoggedEvent }[] } }>(
        `query ($filter: AuditEventFilter) { auditEvents(order: OLDEST_FIRST, first: 200, filter: $filter) { edges { node {
          id eventType result occurredAt actor { type id name email } resource { type id } description metadata previousState newState
          changes { field previousValue newValue } environment workspaceId errorMessage
          requestContext { ipAddress userAgent requestId sessionId apiKeyId } } } } }`,
        { filter },
      );
      const events = data?.auditEvents.edges.map(({ node }) => node) ?? [];
      expect(events.length).toBeGreaterThanOrEqual(count);
      return events;
    },
    { timeout: 10_000 },
  );
