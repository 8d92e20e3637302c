import type { OperationBudget } from '../../graphql/operation-budget.ts';
import { weighRows } from '../../graphql/weigh.ts';
import type { ApiKeyStore } from '../commands/api-key-store.ts';
import type { makeCreateApiKey } from '../commands/create-api-key.ts';
import type { makeRevokeApiKey } from '../commands/revoke-api-key.ts';

type ApiKeys = Pick<ApiKeyStore, 'find' | 'list' | 'count'>;

declare module '../../graphql/app.ts' {
  interface GraphQLApp {
    apiKeys: ApiKeys;
    createApiKey: ReturnType<typeof makeCreateApiKey>;
    revokeApiKey: ReturnType<typeof makeRevokeApiKey>;
  }
}

/** The API keys, but their reads count towards the budget of one operation. */
export const meterApiKeys = (apiKeys: ApiKeys, { read }: OperationBudget): ApiKeys => ({
  ...apiKeys,
  list: (...args) =>
    read(
      () => apiKeys.list(...args),
      (found) => weighRows(found),
    ),
});
