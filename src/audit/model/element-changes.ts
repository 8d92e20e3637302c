import { isSameJson, type Json, type JsonObject } from '../../kernel/json.ts';
import { diffStates, type FieldChange } from './changes.ts';

/** The names of list elements, by the list's field. No two elements of a list have the same name. */
const nameElement: Record<string, (element: JsonObject) => string> = {
  rules: ({ key }) => `${key}`,
  variants: ({ key }) => `${key}`,
  // A type has no colon, so no two targets share a name.
  overrides: ({ type, targetId }) => `${type}:${targetId}`,
  'experiment.variants': ({ variant }) => `${variant}`,
};

/**
 * Splits the changes of lists, as `diffStates` finds them, into changes of elements: `rules['beta']` for a rule that was added or
 * removed (null on the other side), `rules['beta'].targeting` for a field of a rule that stays, and `rules.order` with the names
 * in order, unless all added rules simply follow those that stay. Quotes and backslashes in a name are escaped with a backslash.
 * A list that exists on one side only (of a flag that was created or deleted) stays whole.
 */
export const nameElements = (changes: readonly FieldChange[]): FieldChange[] => changes.flatMap(splitListChange);

const splitListChange = (change: FieldChange): FieldChange[] => {
  const { field, previousValue, newValue } = change;
  if (field === 'experiment' && isObject(previousValue) && isObject(newValue)) {
    return nameElements(fieldsWithin(`${field}.`, previousValue, newValue));
  }
  const nameOf = Object.hasOwn(nameElement, field) ? nameElement[field] : undefined;
  const before = nameOf && byName(previousValue, nameOf);
  const after = nameOf && byName(newValue, nameOf);
  return before && after ? elementChanges(field, before, after) : [change];
};

type Elements = Map<string, JsonObject>;

/** The elements by name, or null if it is not a list, or two elements have the same name. */
const byName = (list: Json, nameOf: (element: JsonObject) => string): Elements | null => {
  if (!Array.isArray(list) || !list.every(isObject)) return null;
  const elements = new Map(list.map((element) => [nameOf(element), element]));
  return elements.size === list.length ? elements : null;
};

const elementChanges = (list: string, before: Elements, after: Elements): FieldChange[] => {
  const came = [...after.keys()].filter((name) => !before.has(name));
  const stayed = [...before.keys()].filter((name) => after.has(name));
  const order = [...after.keys()];
  const changes = [...before.keys(), ...came].flatMap((name): FieldChange[] => {
    const [from, to] = [before.get(name), after.get(name)];
    const field = `${list}['${name.replace(/['\\]/g, '\\$&')}']`;
    return from && to ? fieldsWithin(`${field}.`, from, to) : [{ field, previousValue: from ?? null, newValue: to ?? null }];
  });
  const moved = !isSameJson([...stayed, ...came], order);
  return moved ? [...changes, { field: `${list}.order`, previousValue: [...before.keys()], newValue: order }] : changes;
};

const fieldsWithin = (prefix: string, from: JsonObject, to: JsonObject): FieldChange[] =>
  diffStates(from, to, new Set()).map((change) => ({ ...change, field: `${prefix}${change.field}` }));

const isObject = (value: Json): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);
