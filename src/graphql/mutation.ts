import type { InputRef, OutputRef } from '@pothos/core';
import type { z } from 'zod';
import type { Role } from '../access/model/actor.ts';
import { type DomainError, ValidationError } from '../kernel/errors.ts';
import { builder, requires } from './builder.ts';
import type { Context } from './context.ts';

type Mutation<Schema extends z.ZodType, Result> = {
  type: OutputRef<Result>;
  description: string;
  /** The argument `input`: its GraphQL type, and the Zod schema that validates it. */
  input: { type: InputRef<z.input<Schema>>; schema: Schema; description: string };
  /** Errors that callers can act on. ValidationError is always among them. */
  errors?: readonly (new (
    ...args: never[]
  ) => DomainError)[];
  /** @default 'ADMIN' */
  role?: Role;
  /** Refuses API keys, whatever their roles. @default false */
  tokenOnly?: boolean;
  run: (context: Pick<Context, 'app' | 'caller'>, input: z.output<Schema>) => Promise<Result>;
};

/** Adds a mutation with one validated argument and a required role. Its result is a union of the type and its errors. */
export const mutation = <Schema extends z.ZodType, Result>(
  name: string,
  { type, description, input, errors = [], role = 'ADMIN', tokenOnly = false, run }: Mutation<Schema, Result>,
): void => {
  builder.mutationField(name, (t) =>
    t.field({
      type: type as OutputRef<unknown>,
      description,
      args: {
        input: t.arg({
          type: input.type as InputRef<object>,
          required: true,
          validate: { schema: input.schema as z.ZodType<object, object> },
          description: input.description,
        }),
      },
      errors: { types: [...errors, ValidationError] },
      ...requires(role, { tokenOnly }),
      resolve: (_root, args, context) => run(context, args.input as z.output<Schema>),
    }),
  );
};
