import { z } from 'zod';
import { builder, requires } from '../../graphql/builder.ts';
import { decodeCursor, encodeCursor, notACursor, resolvePage } from '../../graphql/connection.ts';
import { mutation } from '../../graphql/mutation.ts';
import { Role } from '../../graphql/types/access.ts';
import { errorType } from '../../graphql/types/error-types.ts';
import { type ApiKey, createApiKeySchema, revokeApiKeySchema } from '../model/api-key.ts';
import { ApiKeyNotFoundError } from '../model/api-key-errors.ts';

const ApiKeyRef = builder.objectRef<ApiKey>('ApiKey').implement({
  description: 'What a service authenticates with instead of a JWT. The key itself is shown once, when it is created.',
  fields: (t) => ({
    id: t.exposeID('id', {
      description: 'A UUID (version 7): the actor id, and `requestContext.apiKeyId`, of what the key does.',
    }),
    name: t.exposeString('name', { description: 'What people call it.' }),
    prefix: t.exposeString('prefix', { description: 'The first characters of the key, to recognise it by.' }),
    roles: t.field({ type: [Role], description: 'What it may do.', resolve: ({ roles }) => roles }),
    createdAt: t.field({ type: 'DateTime', description: 'When it was created.', resolve: ({ createdAt }) => createdAt }),
    createdBy: t.exposeString('createdBy', {
      nullable: true,
      description: 'The userId of the admin who created it; null where none is known.',
    }),
    expiresAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'From then on it is refused; null: never.',
      resolve: ({ expiresAt }) => expiresAt,
    }),
    lastUsedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it was used last, to the minute; an open socket counts as use. Null: never.',
      resolve: ({ lastUsedAt }) => lastUsedAt,
    }),
    revokedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it was revoked; null: it was not.',
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
    description: 'One API key; null for an unknown id.',
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

errorType(ApiKeyNotFoundError, 'There is no API key of that id.', (t) => ({
  id: t.exposeID('id', { description: 'The id that was asked for.' }),
}));

const CreateApiKeyInput = builder.inputType('CreateApiKeyInput', {
  description: 'A new API key. The admin is taken from the token.',
  fields: (t) => ({
    name: t.string({
      required: true,
      description: 'What people will call it, for example the service that uses it: 1–255 characters.',
    }),
    roles: t.field({ type: [Role], defaultValue: ['AUDIT_WRITER'], description: 'What it may do: at least one role.' }),
    expiresAt: t.field({ type: 'DateTime', description: 'From when on it is refused: in the future. Absent: never.' }),
  }),
});

const RevokeApiKeyInput = builder.inputType('RevokeApiKeyInput', {
  description: 'Which API key to revoke.',
  fields: (t) => ({ id: t.id({ required: true, description: "The key's id." }) }),
});

const CreateApiKeyPayload = builder.objectRef<{ apiKey: ApiKey; secret: string }>('CreateApiKeyPayload').implement({
  description: 'A new API key, with the secret that nobody can ask for again.',
  fields: (t) => ({
    apiKey: t.field({ type: ApiKeyRef, description: 'The key as it is listed.', resolve: ({ apiKey }) => apiKey }),
    secret: t.exposeString('secret', {
      description: 'The key itself, for `Authorization: Bearer …`. Keep it now: it is shown this once, and stored nowhere.',
    }),
  }),
});

mutation('createApiKey', {
  type: CreateApiKeyPayload,
  description:
    'Creates an API key for a service. FORBIDDEN to API keys, whatever their roles: a key made by a key would outlive its expiry and its revocation.',
  input: { type: CreateApiKeyInput, schema: createApiKeySchema, description: 'The key.' },
  errors: [],
  tokenOnly: true,
  run: ({ app, caller }, input) => app.createApiKey(caller, input),
});

mutation('revokeApiKey', {
  type: ApiKeyRef,
  description:
    'Revokes an API key for good: requests are refused from then on, open sockets are closed within five seconds. One that is revoked already stays as it is.',
  input: { type: RevokeApiKeyInput, schema: revokeApiKeySchema, description: 'Which key.' },
  errors: [ApiKeyNotFoundError],
  run: ({ app, caller }, input) => app.revokeApiKey(caller, input),
});
