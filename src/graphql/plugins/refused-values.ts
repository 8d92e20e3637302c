import {
  type ASTNode,
  type DocumentNode,
  GraphQLError,
  type GraphQLInputType,
  type GraphQLSchema,
  getOperationAST,
  isInputObjectType,
  isInputType,
  isListType,
  isNonNullType,
  isRequiredInputField,
  Kind,
  typeFromAST,
  type ValidationRule,
  type ValueNode,
  type VariableDefinitionNode,
  validateInputLiteral,
  validateInputValue,
  visit,
} from 'graphql';

// Invalid values in literals and variables: each becomes an error with a path, by which a form can find its field.

type Path = readonly (string | number)[];

/** The library stops after as many errors, too. */
const maxErrors = 50;

/** A path as in the issues of a ValidationError: below the argument `input`. Paths in other arguments begin with their name. */
const belowInput = (path: Path): string[] => (path[0] === 'input' ? path.slice(1) : path).map(String);

const refusedValue = (message: string, path: Path | null, nodes: readonly ASTNode[]): GraphQLError =>
  new GraphQLError(message, { nodes, extensions: { code: 'BAD_USER_INPUT', ...(path && { path: belowInput(path) }) } });

type Above = ASTNode | readonly ASTNode[];

/**
 * The path of a value in the arguments of a field. `nodes` are its ancestors, the outermost first, and the value itself. Null if
 * it is in no such argument: it is the default of a variable, or in a directive.
 */
const placeOf = (nodes: readonly Above[]): Path | null => {
  const start = nodes.findLastIndex((node) => 'kind' in node && node.kind === Kind.ARGUMENT);
  if (start < 0) return null;
  return nodes.slice(start).flatMap((node, index): Path => {
    if (!('kind' in node)) return [];
    if (node.kind === Kind.ARGUMENT || node.kind === Kind.OBJECT_FIELD) return [node.name.value];
    const [list, items] = nodes.slice(start).slice(Math.max(index - 2, 0), index);
    const isItem = list && 'kind' in list && list.kind === Kind.LIST && Array.isArray(items);
    return isItem ? [items.indexOf(node)] : [];
  });
};

/** The library's rule that literals must fit their types, but its errors have paths. */
export const literalsFitRule: ValidationRule = (context) => {
  const check = (node: ValueNode, _key: unknown, parent: Above | undefined, _path: unknown, ancestors: readonly Above[]) => {
    const type = node.kind === Kind.LIST ? context.getParentInputType() : context.getInputType();
    const place = placeOf([...ancestors, ...(parent ? [parent] : []), node]);
    const report = ({ message }: GraphQLError, path: Path) =>
      context.reportError(refusedValue(message, place && [...place, ...path], [node]));
    if (type) validateInputLiteral(node, type, report, undefined, undefined, context.hideSuggestions);
    return false as const;
  };
  const kinds = [Kind.NULL, Kind.LIST, Kind.OBJECT, Kind.ENUM, Kind.INT, Kind.FLOAT, Kind.STRING, Kind.BOOLEAN];
  return Object.fromEntries(kinds.map((kind) => [kind, check]));
};

export type Operation = {
  schema: GraphQLSchema;
  document: DocumentNode;
  operationName?: string | null;
  variableValues?: { readonly [name: string]: unknown } | null;
};

/** The errors of an operation's variables. */
export const refusedVariables = (
  { schema, document, operationName, variableValues }: Operation,
  { hideSuggestions }: { hideSuggestions: boolean },
): GraphQLError[] => {
  const definitions = getOperationAST(document, operationName)?.variableDefinitions ?? [];
  const places = placesOfVariables(document);
  const found = definitions.flatMap((definition) => {
    const type = typeFromAST(schema, definition.type);
    return isInputType(type) ? refusedVariable(definition, type, variableValues ?? {}, places, hideSuggestions) : [];
  });
  return found.slice(0, maxErrors);
};

const refusedVariable = (
  definition: VariableDefinitionNode,
  type: GraphQLInputType,
  values: { readonly [name: string]: unknown },
  places: ReadonlyMap<string, Path>,
  hideSuggestions: boolean,
): GraphQLError[] => {
  const name = definition.variable.name.value;
  const place = places.get(name) ?? null;
  if (values[name] === undefined) {
    if (definition.defaultValue || !isNonNullType(type)) return [];
    return [refusedValue(`Variable "$${name}" of required type "${type}" was not provided.`, place, [definition])];
  }
  const errors: GraphQLError[] = [];
  const report = ({ message }: GraphQLError, path: Path) => {
    const at = path.length > 0 ? ` at "${path.join('.')}"` : '';
    const shown = `Variable "$${name}" has an invalid value${at}: ${message}`;
    errors.push(refusedValue(shown, place && [...place, ...path], [definition]));
  };
  validateInputValue(withMissingAsNull(values[name], type), type, report, hideSuggestions);
  return errors;
};

/** Sets missing required fields to null, so that their errors have the path of the field and not that of the object around it. */
const withMissingAsNull = (value: unknown, type: GraphQLInputType): unknown => {
  if (isNonNullType(type)) return withMissingAsNull(value, type.ofType);
  if (value === null || typeof value !== 'object') return value;
  if (isListType(type)) return Array.isArray(value) ? value.map((item) => withMissingAsNull(item, type.ofType)) : value;
  if (!isInputObjectType(type) || Array.isArray(value)) return value;
  const given: Record<string, unknown> = { ...value };
  for (const field of Object.values(type.getFields())) {
    const part = given[field.name];
    if (part !== undefined) given[field.name] = withMissingAsNull(part, field.type);
    else if (isRequiredInputField(field)) given[field.name] = null;
  }
  return given;
};

/** The path of the first use of each variable. */
const placesOfVariables = (document: DocumentNode): Map<string, Path> => {
  const places = new Map<string, Path>();
  visit(document, {
    [Kind.VARIABLE]: (node, _key, parent, _path, ancestors) => {
      const place = placeOf([...ancestors, ...(parent ? [parent] : []), node]);
      if (place && !places.has(node.name.value)) places.set(node.name.value, place);
    },
  });
  return places;
};
