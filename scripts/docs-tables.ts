import { z } from 'zod';
import { auditEventTypes, eventDescriptions, metadataSchemas } from '../src/catalogue/event-types.ts';
import { settings } from '../src/config/settings.ts';

/** The pages with generated tables. Each function returns its page with up-to-date tables. */
export const generatedPages: Record<string, (page: string) => string> = {
  'docs/configuration.md': (page) => replaceBetween(page, 'settings', settingsTable()),
  'docs/events.md': (page) => {
    const { events, objects } = eventTables();
    return replaceBetween(replaceBetween(page, 'events', events), 'objects', objects);
  },
};

/** Throws if the page lacks the markers: otherwise a table could go stale unnoticed. */
const replaceBetween = (page: string, name: string, table: string): string => {
  const place = new RegExp(`(<!-- ${name}:[^>]*-->\\n)[^]*?(<!-- /${name} -->)`);
  if (!place.test(page))
    throw new Error(`the page has no place for the table of ${name}: <!-- ${name}: … --> to <!-- /${name} -->`);
  return page.replace(place, (_, start: string, end: string) => `${start}${table}\n${end}`);
};

const table = (header: string[], rows: string[][]): string =>
  [header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.map(escapeCell).join(' | ')} |`).join('\n');

const escapeCell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

const settingsTable = () =>
  table(
    ['variable', 'default', 'allowed', 'what it is for'],
    settings.map((setting) => [
      `\`${setting.name}\``,
      setting.default === null ? '' : `\`${setting.default}\``,
      setting.allowed,
      setting.purpose,
    ]),
  );

type JsonSchema = z.core.JSONSchema.JSONSchema;

/** The metadata of each event type, and the objects in it. Many events share an object, so it is written once. */
const eventTables = () => {
  const namesByFields = new Map<string, Set<string>>();

  /** "`flagKey`, `environment` string, `nextRetryAt` date-time or null": neighbours of the same type share it. */
  const describeFields = ({ properties = {}, required = [] }: JsonSchema, parent = ''): string => {
    const groups: { names: string[]; type: string }[] = [];
    for (const [name, schema] of Object.entries(properties)) {
      const label = `\`${name}\`${required.includes(name) ? '' : '?'}`;
      const type = describeType(schema as JsonSchema, `${parent}${name}`);
      const last = groups.at(-1);
      if (last?.type === type) last.names.push(label);
      else groups.push({ names: [label], type });
    }
    return groups.map(({ names, type }) => `${names.join(', ')} ${type}`).join('; ');
  };

  const describeType = (schema: JsonSchema, name: string): string => {
    if (schema.anyOf) return schema.anyOf.map((part) => describeType(part as JsonSchema, name)).join(' or ');
    if (schema.type === 'object') return describeObject(schema, name);
    if (schema.type === 'array') return `array of ${describeType(schema.items as JsonSchema, name)}`;
    return schema.format ?? [schema.type ?? 'any'].flat().join(' or ');
  };

  const describeObject = (schema: JsonSchema, name: string) => {
    const fields = describeFields(schema, `${name}.`);
    namesByFields.set(fields, (namesByFields.get(fields) ?? new Set()).add(name));
    return 'object';
  };

  const events = auditEventTypes.map((type) => [
    `\`${type}\``,
    eventDescriptions[type],
    describeFields(z.toJSONSchema(metadataSchemas[type])),
  ]);
  // By name, so that an object comes before the objects in it.
  const objects = [...namesByFields]
    .map(([fields, names]) => ({ fields, names: [...names] }))
    .toSorted((a, b) => (a.names.join() < b.names.join() ? -1 : 1))
    .map(({ fields, names }) => [names.map((name) => `\`${name}\``).join(', '), fields]);
  return { events: table(['event', 'when', 'metadata'], events), objects: table(['object', 'fields'], objects) };
};
