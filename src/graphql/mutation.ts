import type { InputRef, OutputRef } from '@pothos/core';
import type { z } from 'zod';
import type { Role } from '../access/model/actor.ts';
import { type DomainError, ValidationError } from '../kernel/errors.ts';
import { builder, requires } from './builder.ts';
import type { Context } from './context.ts';

type Mutation<Schema extends z.ZodType, Result> = {
  type: OutputRef<Result>;
  description: string;
  /** The argument `input`: its GraphQL type, and the schema that checks what comes. */
  input: { type: InputRef<z.input<Schema>>; schema: Schema; description: string };
  /** Outcomes beside success that callers can act on. A ValidationError is always one. */
  errors?: readonly (new (
    ...args: never[]
  ) => DomainError)[];
  /** @default 'ADMIN' */
  role?: Role;
  /** Refuses API keys, whatever their roles. @default false */
  tokenOnly?: boolean;
  run: (context: Pick<Context, 'app' | 'caller'>, input: z.output<Schema>) => Promise<Result>;
};

/** Adds a mutation: one checked argument, a role, and a union of the result and the errors. */
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
