import { z } from 'zod';
import { builder, requires } from '../../graphql/builder.ts';
import { decodeCursor, encodeCursor, notACursor, resolvePage } from '../../graphql/connection.ts';
import { mutation } from '../../graphql/mutation.ts';
import { Role } from '../../graphql/types/access.ts';
import { errorType } from '../../graphql/types/error-types.ts';
import { type ApiKey, createApiKeySchema, revokeApiKeySchema } from '../model/api-key.ts';
import { ApiKeyNotFoundError } from '../model/api-key-errors.ts';

const ApiKeyRef = builder.objectRef<ApiKey>('ApiKey').implement({
  description: 'A key that a service authenticates with instead of a JWT. The key itself is shown once, when it is created.',
  fields: (t) => ({
    id: t.exposeID('id', {
      description: "A UUID (version 7). Events name it as the actor's id and as `requestContext.apiKeyId`.",
    }),
    name: t.exposeString('name', { description: 'Its name, for people.' }),
    prefix: t.exposeString('prefix', { description: 'The first characters of the key, by which people recognise it.' }),
    roles: t.field({ type: [Role], description: 'What it may do.', resolve: ({ roles }) => roles }),
    createdAt: t.field({ type: 'DateTime', description: 'When it was created.', resolve: ({ createdAt }) => createdAt }),
    createdBy: t.exposeString('createdBy', {
      nullable: true,
      description: 'The userId of the admin who created it; null if it is not known.',
    }),
    expiresAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it expires: from then on it is refused. Null if it never expires.',
      resolve: ({ expiresAt }) => expiresAt,
    }),
    lastUsedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it was last used, to the minute; an open socket counts as use. Null if it was never used.',
      resolve: ({ lastUsedAt }) => lastUsedAt,
    }),
    revokedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it was revoked; null if it was not.',
      resolve: ({ revokedAt }) => revokedAt,
    }),
    revokedBy: t.exposeString('revokedBy', { nullable: true, description: 'The userId of the admin who revoked it.' }),
  }),
});

const ApiKeyEdge = builder.edgeObject({ name: 'ApiKeyEdge', description: 'An API key in a list.', type: ApiKeyRef });
const ApiKeyConnection = builder.connectionObject(
  { name: 'ApiKeyConnection', description: 'A page of API keys.', type: ApiKeyRef },
  ApiKeyEdge,
);

const parseCursor = (cursor: string): string => {
  const id = decodeCursor('apiKey', cursor);
  if (!z.uuid().safeParse(id).success) throw notACursor(cursor);
  return id;
};

builder.queryFields((t) => ({
  apiKey: t.field({
    type: ApiKeyRef,
    nullable: true,
    description: 'One API key; null if none has that id.',
    args: { id: t.arg.id({ required: true, validate: { schema: z.uuid('must be a UUID') }, description: "The key's id." }) },
    ...requires('ADMIN'),
    resolve: (_root, { id }, { app }) => app.apiKeys.find(id),
  }),
  apiKeys: t.connection(
    {
      type: ApiKeyRef,
      description: 'Every API key that was ever created, newest first.',
      ...requires('ADMIN'),
      resolve: (_root, args, { app }) =>
        resolvePage<ApiKey, string>({
          args,
          cursorOf: ({ id }) => encodeCursor('apiKey', id),
          parse: parseCursor,
          list: app.apiKeys.list,
          count: app.apiKeys.count,
          newestFirst: true,
        }),
    },
    ApiKeyConnection,
    ApiKeyEdge,
  ),
}));

errorType(ApiKeyNotFoundError, 'No API key has that id.', (t) => ({
  id: t.exposeID('id', { description: 'The id that was asked for.' }),
}));

const CreateApiKeyInput = builder.inputType('CreateApiKeyInput', {
  description: 'A new API key. The admin is taken from the token.',
  fields: (t) => ({
    name: t.string({
      required: true,
      description: 'Its name, for example that of the service that uses it: 1–255 characters.',
    }),
    roles: t.field({ type: [Role], defaultValue: ['AUDIT_WRITER'], description: 'What it may do: at least one role.' }),
    expiresAt: t.field({
      type: 'DateTime',
      description: 'When it expires: an instant in the future. Without it, the key never expires.',
    }),
  }),
});

const RevokeApiKeyInput = builder.inputType('RevokeApiKeyInput', {
  description: 'Which API key to revoke.',
  fields: (t) => ({ id: t.id({ required: true, description: "The key's id." }) }),
});

const CreateApiKeyPayload = builder.objectRef<{ apiKey: ApiKey; secret: string }>('CreateApiKeyPayload').implement({
  description: 'A new API key with its secret, which cannot be shown again.',
  fields: (t) => ({
    apiKey: t.field({ type: ApiKeyRef, description: 'The key as `apiKeys` lists it.', resolve: ({ apiKey }) => apiKey }),
    secret: t.exposeString('secret', {
      description:
        'The key itself, for `Authorization: Bearer …`. Keep it safe now: Flagtrail stores only its hash, and cannot show it again.',
    }),
  }),
});

mutation('createApiKey', {
  type: CreateApiKeyPayload,
  description:
    "Creates an API key for a service. API keys cannot create API keys (FORBIDDEN), whatever their roles: the new key would outlive the old one's expiry and revocation.",
  input: { type: CreateApiKeyInput, schema: createApiKeySchema, description: 'The key.' },
  errors: [],
  tokenOnly: true,
  run: ({ app, caller }, input) => app.createApiKey(caller, input),
});

mutation('revokeApiKey', {
  type: ApiKeyRef,
  description:
    'Revokes an API key for good: from then on requests are refused, and open sockets are closed within five seconds. A key that is already revoked stays as it is.',
  input: { type: RevokeApiKeyInput, schema: revokeApiKeySchema, description: 'Which key.' },
  errors: [ApiKeyNotFoundError],
  run: ({ app, caller }, input) => app.revokeApiKey(caller, input),
});
