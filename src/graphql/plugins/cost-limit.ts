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

/** An answer repeats the response key with each item. This many characters of a key cost as much as a field. */
const keyLengthOfField = 64;
/** What a page of a list costs besides its items: it needs a database statement of its own. */
const statementCost = 20;

/**
 * Refuses operations that cost more than `maxCost`. One unit is about 10 µs of the service's and the database's time.
 * - Each field that could be returned costs 1. A long alias costs more than a short one.
 * - The fields in a list cost as many times as it can have items: as `first` or `last` says, as a literal or a variable, or else
 *   the extension `maxItems` of the field. So pages within pages multiply, and a large page of a flat list is cheap.
 * - A field with the extension `cost` costs that once a page, times the extension `totalShare` of the page.
 * - A field with the extension `weight` costs that in each item instead of 1, because it can hold much JSON.
 */
export const useCostLimit = ({ maxCost }: { maxCost: number }): Plugin => {
  const refuse = ({
    args,
    setResultAndStopExecution,
  }: {
    args: unknown;
    setResultAndStopExecution: (result: { errors: GraphQLError[] }) => void;
  }) => {
    const { cost, findDearest } = costOf(args as Execution);
    if (cost <= maxCost) return;
    setResultAndStopExecution({ errors: [costsTooMuch(cost, maxCost, findDearest())] });
  };
  return { onExecute: refuse, onSubscribe: refuse };
};

const costsTooMuch = (cost: number, maxCost: number, dearest: Dearest | null): GraphQLError => {
  const place = dearest ? `. Most of it is ${dearest.path}, up to ${dearest.cost}: ${remedies[dearest.kind]}` : '';
  return new GraphQLError(`The operation could cost ${cost}, but at most ${maxCost} is allowed${place}`, {
    extensions: {
      code: 'GRAPHQL_VALIDATION_FAILED',
      cost: { cost, maxCost, ...(dearest && { dearest: { path: dearest.path, cost: dearest.cost } }) },
    },
  });
};

/** What the caller can do about a costly field, by the reason why it is costly. */
const remedies = {
  unsizedPage: 'give `first`, such as `first: 5`, or ask for this list in a separate operation',
  page: 'ask for a smaller `first`, or for fewer fields in it',
  total: 'ask for it once, in a separate operation, or for fewer at a time',
  list: 'leave it out of a list, or make the pages around it smaller',
  field: 'leave it out of a list, or make the pages around it smaller',
} as const;
type Dearest = { path: string; cost: number; kind: keyof typeof remedies };

/** The cost of selections: once for the page that they are in (such as `totalCount`), and for each of its items. */
type SelectionCost = { once: number; each: number };
type Field = GraphQLField<unknown, unknown>;
/** A selection set, with how often it counts: `perItem` times, and `perPage` times for totals. */
type Place = { selectionSet: SelectionSetNode; typeName: string | undefined; path: string[]; perItem: number; perPage: number };

const isPage = (field: Field): boolean => field.args.some(({ name }) => name === 'first');
/** Which part of the full cost a total has: one that an index finds costs less than one that counts a table. */
const totalShare = (field: Field): number => Number(field.extensions.totalShare ?? 1);

const costOf = ({ schema, document, operationName, variableValues }: Execution) => {
  const operation = getOperationAST(document, operationName);
  if (!operation) return { cost: 0, findDearest: () => null };
  const fragments = new Map(
    document.definitions.flatMap((definition) =>
      definition.kind === Kind.FRAGMENT_DEFINITION ? [[definition.name.value, definition] as const] : [],
    ),
  );
  const costOfFragments = new Map<string, SelectionCost>();
  const numberOf = makeNumberReader(operation, variableValues ?? {});

  const fieldsOf = (typeName: string | undefined): { [name: string]: Field } => {
    const type = typeName === undefined ? undefined : schema.getType(typeName);
    return isObjectType(type) || isInterfaceType(type) ? type.getFields() : {};
  };
  const costOfSelections = ({ selections }: SelectionSetNode, typeName: string | undefined): SelectionCost => {
    const fields = fieldsOf(typeName);
    const sum = { once: 0, each: 0 };
    const add = ({ once, each }: SelectionCost) => {
      sum.once += once;
      sum.each += each;
    };
    for (const selection of selections) {
      if (selection.kind === Kind.FIELD) {
        const field = fields[selection.name.value];
        // Introspection fields are limited by their depth elsewhere.
        if (field?.extensions.cost !== undefined) sum.once += Number(field.extensions.cost);
        else if (field) sum.each += costOfField(selection, field);
      } else if (selection.kind === Kind.INLINE_FRAGMENT) {
        add(costOfSelections(selection.selectionSet, selection.typeCondition?.name.value ?? typeName));
      } else add(costOfFragment(selection.name.value));
    }
    return sum;
  };
  const costOfField = (node: FieldNode, field: Field): number => {
    const key = node.alias?.value ?? node.name.value;
    const own = Number(field.extensions.weight ?? 1) + Math.floor(key.length / keyLengthOfField);
    if (!node.selectionSet) return own;
    const { once, each } = costOfSelections(node.selectionSet, getNamedType(field.type).name);
    if (isPage(field)) return statementCost + own - 1 + once * totalShare(field) + pageSizeOf(node) * each;
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
  const sizeOf = ({ arguments: given = [] }: FieldNode): number | null =>
    given
      .filter(({ name }) => name.value === 'first' || name.value === 'last')
      .map(({ value }) => numberOf(value))
      .find((number) => number !== null) ?? null;
  /**
   * Sizes out of range are refused later, where the page is made. Here they are only clamped, so that a negative one cannot lower
   * the cost.
   */
  const pageSizeOf = (node: FieldNode): number =>
    Math.min(Math.max(sizeOf(node) ?? pageSize.default, pageSize.min), pageSize.max);

  /** The fields of selections, including those of fragments. Each fragment counts once. */
  const flatten = (selectionSet: SelectionSetNode, typeName: string | undefined, seen: Set<string>): [FieldNode, Field][] =>
    selectionSet.selections.flatMap((selection) => {
      if (selection.kind === Kind.FIELD) {
        const field = fieldsOf(typeName)[selection.name.value];
        return field ? [[selection, field] satisfies [FieldNode, Field]] : [];
      }
      if (selection.kind === Kind.INLINE_FRAGMENT) {
        return flatten(selection.selectionSet, selection.typeCondition?.name.value ?? typeName, seen);
      }
      const fragment = fragments.get(selection.name.value);
      if (!fragment || seen.has(selection.name.value)) return [];
      seen.add(selection.name.value);
      return flatten(fragment.selectionSet, fragment.typeCondition.name.value, seen);
    });
  const kindOf = (node: FieldNode, field: Field): Dearest['kind'] => {
    if (field.extensions.cost !== undefined) return 'total';
    if (isPage(field)) return sizeOf(node) === null ? 'unsizedPage' : 'page';
    return field.extensions.maxItems === undefined ? 'field' : 'list';
  };

  /**
   * Finds the field that the caller should change. It follows the costliest field into its own costliest field as long as that
   * makes up most of the cost, and returns the last page, total, list or heavy field on the way.
   */
  const follow = (at: Place, most: number, found: Dearest | null): Dearest | null => {
    const costs = flatten(at.selectionSet, at.typeName, new Set()).map(([node, field]) => {
      const total = field.extensions.cost;
      return { node, field, cost: total === undefined ? at.perItem * costOfField(node, field) : at.perPage * Number(total) };
    });
    const dearest = costs.toSorted((a, b) => b.cost - a.cost)[0];
    if (!dearest || dearest.cost < most / 2) return found;
    const { node, field, cost } = dearest;
    const path = [...at.path, node.alias?.value ?? node.name.value];
    const kind = kindOf(node, field);
    const isLever = found === null || kind !== 'field' || field.extensions.weight !== undefined;
    const lever = isLever ? { path: path.join('.'), cost, kind } : found;
    if (!node.selectionSet || kind === 'total') return lever;
    const perItem = at.perItem * (isPage(field) ? pageSizeOf(node) : Number(field.extensions.maxItems ?? 1));
    const perPage = isPage(field) ? at.perItem * totalShare(field) : perItem;
    const typeName = getNamedType(field.type).name;
    return follow({ selectionSet: node.selectionSet, typeName, path, perItem, perPage }, cost, lever);
  };

  const root = schema.getRootType(operation.operation);
  const { once, each } = costOfSelections(operation.selectionSet, root?.name);
  const start = { selectionSet: operation.selectionSet, typeName: root?.name, path: [], perItem: 1, perPage: 1 };
  return { cost: once + each, findDearest: () => follow(start, 0, null) };
};

/** Reads a number from a literal, or from a variable with its value or default. */
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
