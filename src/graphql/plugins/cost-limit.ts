import {
  type DocumentNode,
  type FieldNode,
  GraphQLError,
  type GraphQLField,
  type GraphQLSchema,
  getNamedType,
  getOperationAST,
  isInterfaceType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  type ValueNode,
} from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { pageSize } from '../connection.ts';

type Execution = {
  schema: GraphQLSchema;
  document: DocumentNode;
  operationName?: string | null;
  variableValues?: { readonly [name: string]: unknown } | null;
};

/** What a page of a list costs beside its items: it is a statement of its own for each object that has the list. */
const statementCost = 20;

/**
 * Refuses operations that cost more than `maxCost`. Each field that could be returned costs 1. A list counts as often as it
 * may have items: as many as `first` or `last` asks for, given as a literal or as a variable, or its field's extension
 * `maxItems`. So pages inside of pages multiply, and a large page of a flat list is fine. A field with the extension `cost`
 * costs that, once a page; one with the extension `weight` costs that, instead of 1, in each item.
 */
export const useCostLimit = ({ maxCost }: { maxCost: number }): Plugin => {
  const refuse = ({
    args,
    setResultAndStopExecution,
  }: {
    args: unknown;
    setResultAndStopExecution: (result: { errors: GraphQLError[] }) => void;
  }) => {
    const cost = costOf(args as Execution);
    if (cost <= maxCost) return;
    const message = `The operation could cost ${cost}, and at most ${maxCost} is allowed: ask for smaller pages, for fewer totals, or in parts`;
    setResultAndStopExecution({ errors: [new GraphQLError(message, { extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } })] });
  };
  return { onExecute: refuse, onSubscribe: refuse };
};

/** What a page's selections cost: for the page itself, as `totalCount` does, and for each of its items. */
type SelectionCost = { once: number; each: number };

const costOf = ({ schema, document, operationName, variableValues }: Execution): number => {
  const operation = getOperationAST(document, operationName);
  if (!operation) return 0;
  const fragments = new Map(
    document.definitions.flatMap((definition) =>
      definition.kind === Kind.FRAGMENT_DEFINITION ? [[definition.name.value, definition] as const] : [],
    ),
  );
  const costOfFragments = new Map<string, SelectionCost>();
  const numberOf = makeNumberReader(operation, variableValues ?? {});

  const costOfSelections = ({ selections }: SelectionSetNode, typeName: string | undefined): SelectionCost => {
    const type = typeName === undefined ? undefined : schema.getType(typeName);
    const fields = isObjectType(type) || isInterfaceType(type) ? type.getFields() : {};
    const sum = { once: 0, each: 0 };
    const add = ({ once, each }: SelectionCost) => {
      sum.once += once;
      sum.each += each;
    };
    for (const selection of selections) {
      if (selection.kind === Kind.FIELD) {
        const field = fields[selection.name.value];
        // Introspection has a limit of its own, in depth.
        if (field?.extensions.cost !== undefined) sum.once += Number(field.extensions.cost);
        else if (field) sum.each += costOfField(selection, field);
      } else if (selection.kind === Kind.INLINE_FRAGMENT) {
        add(costOfSelections(selection.selectionSet, selection.typeCondition?.name.value ?? typeName));
      } else add(costOfFragment(selection.name.value));
    }
    return sum;
  };
  const costOfField = (node: FieldNode, field: GraphQLField<unknown, unknown>): number => {
    const own = Number(field.extensions.weight ?? 1);
    if (!node.selectionSet) return own;
    const isPage = field.args.some(({ name }) => name === 'first');
    const { once, each } = costOfSelections(node.selectionSet, getNamedType(field.type).name);
    if (isPage) return statementCost + once + pageSizeOf(node) * each;
    return own + Number(field.extensions.maxItems ?? 1) * (once + each);
  };
  const costOfFragment = (name: string): SelectionCost => {
    const known = costOfFragments.get(name);
    if (known !== undefined) return known;
    const fragment = fragments.get(name);
    const cost = fragment ? costOfSelections(fragment.selectionSet, fragment.typeCondition.name.value) : { once: 0, each: 0 };
    costOfFragments.set(name, cost);
    return cost;
  };
  /** Sizes out of range are refused where the page is made; here they are only kept from outweighing each other. */
  const pageSizeOf = ({ arguments: given = [] }: FieldNode): number => {
    const sizes = given.filter(({ name }) => name.value === 'first' || name.value === 'last').map(({ value }) => numberOf(value));
    const size = sizes.find((number) => number !== null) ?? pageSize.default;
    return Math.min(Math.max(size, pageSize.min), pageSize.max);
  };

  const root = schema.getRootType(operation.operation);
  const { once, each } = costOfSelections(operation.selectionSet, root?.name);
  return once + each;
};

/** Reads a number that is a literal, or a variable with its value or default. */
const makeNumberReader = (operation: OperationDefinitionNode, variables: { readonly [name: string]: unknown }) => {
  const defaults = new Map(
    operation.variableDefinitions?.map(({ variable, defaultValue }) => [variable.name.value, defaultValue]),
  );
  const read = (value: ValueNode | undefined): number | null => {
    if (value?.kind === Kind.INT) return Number(value.value);
    if (value?.kind !== Kind.VARIABLE) return null;
    const given = variables[value.name.value];
    if (given === undefined) return read(defaults.get(value.name.value));
    return typeof given === 'number' ? given : null;
  };
  return read;
};
