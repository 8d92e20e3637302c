import { type DocumentNode, type NameNode, visit } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { badUserInput } from '../errors.ts';

/**
 * Refuses documents with very long names of operations, fragments, variables or aliases, before validation. Answers and errors
 * repeat such names, and an alias once for each item.
 */
export const useNameLimit = ({ maxLength }: { maxLength: number }): Plugin => {
  // A cheap check first: only if the text has such a word, perhaps in a string or a comment, are the names themselves checked.
  const longWord = new RegExp(`[_0-9A-Za-z]{${maxLength + 1}}`);
  return {
    onParse: ({ params: { source } }) => {
      if (!longWord.test(typeof source === 'string' ? source : source.body)) return;
      return ({ result, replaceParseResult }) => {
        const name = result && !(result instanceof Error) ? findLongName(result as DocumentNode, maxLength) : null;
        if (name) replaceParseResult(tooLong(name, maxLength) as never);
      };
    },
  };
};

const findLongName = (document: DocumentNode, maxLength: number): NameNode | null => {
  let found: NameNode | null = null;
  visit(document, {
    Name: (name) => {
      if (name.value.length > maxLength) found ??= name;
    },
  });
  return found;
};

const tooLong = ({ value, loc }: NameNode, maxLength: number) => {
  const place = loc ? ` at ${loc.startToken.line}:${loc.startToken.column}` : '';
  return badUserInput(
    `The name ${value.slice(0, 20)}…${place} has ${value.length} characters: names and aliases have at most ${maxLength}`,
  );
};
