import type { FieldMap } from '@pothos/core';
import { type DomainError, ValidationError, type ValidationIssue } from '../../kernel/errors.ts';
import { builder } from '../builder.ts';

const ErrorInterface = builder.interfaceRef<DomainError>('Error').implement({
  description: 'An outcome that the caller can act on. Every error type implements it.',
  fields: (t) => ({
    message: t.exposeString('message', { description: 'What is wrong, with the value and what is allowed.' }),
    code: t.exposeString('code', { description: 'The same, for programs.' }),
  }),
});

type BuilderTypes = typeof builder extends PothosSchemaTypes.SchemaBuilder<infer Types> ? Types : never;

/** The GraphQL type of an error, under the name of its class: what every error has, and its own fields. */
export const errorType = <Refusal extends DomainError>(
  errorClass: new (...args: never[]) => Refusal,
  description: string,
  fields: (t: PothosSchemaTypes.ObjectFieldBuilder<BuilderTypes, Refusal>) => FieldMap,
) =>
  builder.objectType(errorClass as unknown as new (...args: unknown[]) => DomainError, {
    name: errorClass.name,
    description,
    interfaces: [ErrorInterface],
    // Pothos gets the shape from the class, which TypeScript cannot follow for a class that is a parameter.
    fields: fields as never,
  });

export const ValidationIssueType = builder.objectRef<ValidationIssue>('ValidationIssue').implement({
  description: 'One thing wrong with an input.',
  fields: (t) => ({
    path: t.exposeStringList('path', {
      description: 'Where, below the argument `input`: for example ["updates", "rolloutPercentage"].',
    }),
    message: t.exposeString('message', { description: 'What is wrong there, and what is allowed.' }),
  }),
});

errorType(ValidationError, 'The input has values that cannot be used. Nothing was stored.', (t) => ({
  issues: t.field({ type: [ValidationIssueType], description: 'Every value that is wrong.', resolve: ({ issues }) => issues }),
}));
