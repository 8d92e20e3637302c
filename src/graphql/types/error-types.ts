import type { FieldMap } from '@pothos/core';
import { type DomainError, ValidationError, type ValidationIssue } from '../../kernel/errors.ts';
import { builder } from '../builder.ts';

const ErrorInterface = builder.interfaceRef<DomainError>('Error').implement({
  description: 'An error that the caller can act on. Every error type implements it.',
  fields: (t) => ({
    message: t.exposeString('message', { description: 'What went wrong, for people. It names the value and what is allowed.' }),
    code: t.exposeString('code', { description: 'What went wrong, for programs: a constant, for example FLAG_NOT_FOUND.' }),
  }),
});

type BuilderTypes = typeof builder extends PothosSchemaTypes.SchemaBuilder<infer Types> ? Types : never;

/** The GraphQL type of an error, named after its class. It has the fields of every error, and its own. */
export const errorType = <Refusal extends DomainError>(
  errorClass: new (...args: never[]) => Refusal,
  description: string,
  fields: (t: PothosSchemaTypes.ObjectFieldBuilder<BuilderTypes, Refusal>) => FieldMap,
) =>
  builder.objectType(errorClass as unknown as new (...args: unknown[]) => DomainError, {
    name: errorClass.name,
    description,
    interfaces: [ErrorInterface],
    // Pothos infers the shape from the class. TypeScript cannot do that for a class that is a parameter.
    fields: fields as never,
  });

export const ValidationIssueType = builder.objectRef<ValidationIssue>('ValidationIssue').implement({
  description: 'One invalid value of an input.',
  fields: (t) => ({
    path: t.exposeStringList('path', {
      description: 'Where the value is within the argument `input`, for example ["updates", "rolloutPercentage"].',
    }),
    message: t.exposeString('message', { description: 'Why it is invalid, and what is allowed.' }),
  }),
});

errorType(ValidationError, 'The input has invalid values. Nothing was changed.', (t) => ({
  issues: t.field({ type: [ValidationIssueType], description: 'Every invalid value.', resolve: ({ issues }) => issues }),
}));
