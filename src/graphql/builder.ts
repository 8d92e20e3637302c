import SchemaBuilder from '@pothos/core';
import ErrorsPlugin from '@pothos/plugin-errors';
import RelayPlugin from '@pothos/plugin-relay';
import ZodPlugin from '@pothos/plugin-zod';
import type { Role } from '../access/model/actor.ts';
import type { Json as JsonValue } from '../kernel/json.ts';
import type { Context } from './context.ts';
import { toArgumentError } from './errors.ts';
import { DateTime, Json, SafeInt } from './scalars.ts';

type Types = {
  Context: Context;
  DefaultFieldNullability: false;
  DefaultEdgesNullability: false;
  DefaultNodeNullability: false;
  Connection: { totalCount: () => Promise<number> };
  Scalars: {
    ID: { Input: string; Output: string };
    DateTime: { Input: Date; Output: Date };
    SafeInt: { Input: number; Output: number };
    // The enum of the catalogue, referred to by its name. Its values are the wire names of event types.
    AuditEventType: { Input: string; Output: string };
    // Without null: the type of an argument says whether it can be null.
    JSON: { Input: NonNullable<JsonValue>; Output: JsonValue };
  };
};

const capitalize = (name: string) => name.charAt(0).toUpperCase() + name.slice(1);

/**
 * The schema builder. The errors plugin wraps the Zod plugin, so that what Zod refuses becomes a member of a mutation's result.
 * Only the error classes that a field names become members: with `Error` among the default types, internal messages would
 * reach clients.
 */
export const builder = new SchemaBuilder<Types>({
  plugins: [RelayPlugin, ErrorsPlugin, ZodPlugin],
  defaultFieldNullability: false,
  errors: {
    defaultTypes: [],
    directResult: true,
    defaultUnionOptions: {
      name: ({ fieldName }) => `${capitalize(fieldName)}Result`,
      description: 'What the mutation created or changed, or the error that stopped it.',
    },
  },
  zod: { validationError: (error, _args, _context, info) => toArgumentError(error, info.parentType.name) },
  relay: {
    clientMutationId: 'omit',
    cursorType: 'String',
    edgesFieldOptions: { nullable: false, description: 'The items, each with its cursor.' },
    nodeFieldOptions: { nullable: false, description: 'The item.' },
    cursorFieldOptions: { nullable: false, description: "The item's cursor, for `after` and `before`." },
    pageInfoFieldOptions: { nullable: false, description: 'The cursors of this page, and whether there are more pages.' },
    pageInfoTypeOptions: { description: 'The cursors of a page, and whether there are more pages.' },
    hasNextPageFieldOptions: { description: 'Whether more items follow this page.' },
    hasPreviousPageFieldOptions: { description: 'Whether more items come before this page.' },
    startCursorFieldOptions: { description: "The first item's cursor; null if the page is empty." },
    endCursorFieldOptions: { description: "The last item's cursor; null if the page is empty." },
    firstArgOptions: { description: 'How many items from the start: 1–200. Without `first` and `last`, 50.' },
    afterArgOptions: { description: 'Only items after this cursor.' },
    lastArgOptions: { description: 'How many items from the end: 1–200.' },
    beforeArgOptions: { description: 'Only items before this cursor.' },
  },
});

builder.addScalarType('DateTime', DateTime);
builder.addScalarType('SafeInt', SafeInt);
builder.addScalarType('JSON', Json);

builder.globalConnectionField('totalCount', (t) =>
  t.int({
    nullable: false,
    description: 'How many items there are on all pages together.',
    // It can count millions of rows, however small the page. An operation needs up to six of these; thirty are an attack.
    extensions: { cost: 15_000 },
    resolve: ({ totalCount }) => totalCount(),
  }),
);

builder.queryType({ description: 'Everything that can be read.' });
builder.mutationType({
  description: 'Everything that can be changed. Each change is recorded in the audit log, with who made it.',
});
builder.subscriptionType({
  description: 'Everything that can be followed live, over a websocket (graphql-ws) or server-sent events.',
});

/**
 * Cost of a field of up to 64 KiB of JSON, which is rarely that large: an operation can select all of them for the states of 200
 * flags.
 */
export const mayHold64KiB = { extensions: { weight: 12 } };

/** Cost of a page whose `totalCount` reads some hundred rows from an index: forty of them cost as much as counting a table. */
export const indexedTotal = { extensions: { totalShare: 1 / 40 } };

/**
 * Marks a root field with the role that it requires; `null` stands for any valid token. With `tokenOnly`, API keys are refused
 * whatever their roles. A root field without this mark is refused to everybody.
 */
export const requires = (role: Role | null, { tokenOnly = false } = {}) => ({ extensions: { requiredRole: role, tokenOnly } });
