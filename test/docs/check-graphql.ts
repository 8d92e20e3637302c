import { readFileSync } from 'node:fs';
import path from 'node:path';
import { buildSchema, GraphQLError, parse, validate } from 'graphql';
import { root } from '../support/serve-process.ts';
import type { Block, Problem } from './pages.ts';

/** Validates each block, as one document, against the schema that the package exports. */
export const checkGraphql = (blocks: readonly Block[]): Problem[] => {
  const schema = buildSchema(readFileSync(path.join(root, 'schema.graphql'), 'utf8'));
  return blocks.flatMap(({ page, line, text }) =>
    errorsOf(text, (document) => validate(schema, parse(document))).map(
      ({ message, locations }): Problem => `${page}:${line + (locations?.[0]?.line ?? 1) - 1}: ${message}`,
    ),
  );
};

const errorsOf = (text: string, check: (document: string) => readonly GraphQLError[]): readonly GraphQLError[] => {
  try {
    return check(text);
  } catch (error) {
    if (error instanceof GraphQLError) return [error];
    throw error;
  }
};
