import { type DocumentNode, type FragmentDefinitionNode, getOperationAST, Kind, type SelectionSetNode } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { shareOf } from '../../access/model/actor.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { OnRefused } from '../../kernel/limits/refusals.ts';
import { makeTokenBuckets } from '../../kernel/limits/token-buckets.ts';
import type { Context } from '../context.ts';
import { rateLimited } from '../errors.ts';

export type MutationRate = { perSecond: number; burst: number };
type Options = { rate: MutationRate; clock: Clock; onRefused: OnRefused };

const maxCallers = 10_000;

/**
 * Refuses mutations of a caller that exceeds its rate, before any part of them runs. Each root field of a mutation counts as one
 * change. This works over HTTP and over websockets alike.
 */
export const useMutationRate = ({ rate, clock, onRefused }: Options): Plugin<Context> => {
  const buckets = makeTokenBuckets({ ...rate, maxKeys: maxCallers, nowMs: () => clock.now().getTime() });
  return {
    onExecute: ({ args, setResultAndStopExecution }) => {
      const { document, operationName, contextValue } = args as unknown as Execution;
      const operation = getOperationAST(document, operationName);
      if (operation?.operation !== 'mutation') return;
      const waitMs = buckets.take(shareOf(contextValue.caller), countFields(operation.selectionSet, document));
      if (waitMs === 0) return;
      onRefused('mutation_rate');
      const bound = `a caller can make at most ${rate.perSecond} changes a second, and ${rate.burst} at once`;
      setResultAndStopExecution({ errors: [rateLimited(`Nothing was changed: ${bound}. Try again in ${waitMs} ms`, waitMs)] });
    },
  };
};

type Execution = { document: DocumentNode; operationName?: string | null; contextValue: Context };

/** Counts the fields of a selection, including those of its fragments. Each fragment counts once, because it runs once. */
const countFields = (selected: SelectionSetNode, { definitions }: DocumentNode): number => {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  }
  const count = ({ selections }: SelectionSetNode): number =>
    selections.reduce((sum, selection) => {
      if (selection.kind === Kind.FIELD) return sum + 1;
      if (selection.kind === Kind.INLINE_FRAGMENT) return sum + count(selection.selectionSet);
      const fragment = fragments.get(selection.name.value);
      fragments.delete(selection.name.value);
      return sum + (fragment ? count(fragment.selectionSet) : 0);
    }, 0);
  return count(selected);
};
