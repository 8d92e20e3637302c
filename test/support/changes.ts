import { bookkeepingFields, type FieldChange } from '../../src/audit/model/changes.ts';
import type { Json, JsonObject } from '../../src/kernel/json.ts';

/** The fields of a state that say something: without those that are null, and without those that every change sets. */
export const sayingOf = (state: JsonObject | null): Map<string, Json> =>
  new Map(Object.entries(state ?? {}).filter(([name, value]) => value !== null && !bookkeepingFields.has(name)));

/** The fields of a state after changes, including changes of list elements. */
export const applyChanges = (state: JsonObject | null, changes: readonly FieldChange[]): Map<string, Json> => {
  const saying = sayingOf(structuredClone(state));
  for (const change of changes) {
    const { field, newValue } = change;
    const [, list, name, ofElement] = elementPath.exec(field) ?? [];
    const [, sorted] = /^(.*)\.order$/s.exec(field) ?? [];
    const experiment = /^experiment\.(\w+)$/.exec(field)?.[1];
    if (list && name !== undefined)
      changeElement(listIn(saying, list), { list, name: withoutEscapes(name), ofElement, newValue });
    else if (sorted) sortBy(listIn(saying, sorted), sorted, newValue as string[]);
    else if (experiment) Object.assign(saying.get('experiment') ?? {}, { [experiment]: newValue });
    else if (newValue === null) saying.delete(field);
    else saying.set(field, newValue);
  }
  return saying;
};

const elementPath = /^(rules|variants|overrides|experiment\.variants)\['((?:[^'\\]|\\['\\])*)'\](?:\.(\w+))?$/s;
const withoutEscapes = (name: string): string => name.replaceAll(/\\(['\\])/g, '$1');

/** The name that people use for an element. */
const nameOf = (list: string, { key, type, targetId, variant }: JsonObject): string => {
  if (list === 'overrides') return `${type}:${targetId}`;
  return String(list === 'experiment.variants' ? variant : key);
};

const listIn = (saying: Map<string, Json>, path: string): JsonObject[] => {
  const [field = '', inner] = path.split('.');
  const value = saying.get(field) as JsonObject;
  return (inner === undefined ? value : value[inner]) as unknown as JsonObject[];
};

type ElementChange = { list: string; name: string; ofElement: string | undefined; newValue: Json };

const changeElement = (elements: JsonObject[], { list, name, ofElement, newValue }: ElementChange): void => {
  const index = elements.findIndex((element) => nameOf(list, element) === name);
  if (ofElement !== undefined) Object.assign(elements[index] ?? {}, { [ofElement]: newValue });
  else if (newValue === null) elements.splice(index, 1);
  else elements.push(newValue as JsonObject);
};

const sortBy = (elements: JsonObject[], list: string, order: readonly string[]): void => {
  elements.sort((a, b) => order.indexOf(nameOf(list, a)) - order.indexOf(nameOf(list, b)));
};
