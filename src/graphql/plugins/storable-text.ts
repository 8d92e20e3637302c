import { type DocumentNode, Kind, visit } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { isStorableText } from '../../kernel/text.ts';
import type { Context } from '../context.ts';
import { badUserInput } from '../errors.ts';

/** Refuses text that the database and the log cannot store, in variables and in literals: NUL and lone surrogates. */
export const useStorableText = (): Plugin<Context> => {
  const refuse = ({
    args,
    setResultAndStopExecution,
  }: {
    args: unknown;
    setResultAndStopExecution: (result: { errors: [ReturnType<typeof badUserInput>] }) => void;
  }) => {
    const { document, variableValues } = args as { document: DocumentNode; variableValues?: unknown };
    const place = findInVariables(variableValues) ?? findInLiterals(document);
    if (place)
      setResultAndStopExecution({
        errors: [badUserInput(`${place} contains NUL (U+0000) or a lone surrogate, which text must not contain`)],
      });
  };
  return { onExecute: refuse, onSubscribe: refuse };
};

/**
 * The path of the first such text, in keys or values. It works without recursion, because JSON can be nested as deep as a request
 * is long, and that would exhaust the stack.
 */
const findInVariables = (variables: unknown): string | null => {
  const open: { value: unknown; path: string }[] = [{ value: variables, path: '$' }];
  for (let next = open.pop(); next; next = open.pop()) {
    const { value, path } = next;
    if (typeof value === 'string' && !isStorableText(value)) return path;
    if (value === null || typeof value !== 'object') continue;
    for (const [key, part] of Object.entries(value).reverse()) {
      if (!isStorableText(key)) return path;
      open.push({ value: part, path: path === '$' ? `$${key}` : `${path}.${key}` });
    }
  }
  return null;
};

const findInLiterals = (document: DocumentNode): string | null => {
  let place: string | null = null;
  visit(document, {
    [Kind.STRING]: ({ value, loc }: { value: string; loc?: { startToken: { line: number; column: number } } }) => {
      if (!isStorableText(value)) place ??= loc ? `the text at ${loc.startToken.line}:${loc.startToken.column}` : 'a text';
    },
  });
  return place;
};
