import { z } from 'zod';
import { auditEventTypes, eventDescriptions, metadataSchemas } from '../src/catalogue/event-types.ts';
import { settings } from '../src/config/settings.ts';

/** The README with its generated tables as the code has them now. Throws where a table's place is missing. */
export const renderReadme = (readme: string): string =>
  replaceBetween(replaceBetween(readme, 'settings', settingsTable()), 'events', eventsTable());

const replaceBetween = (text: string, name: string, content: string): string => {
  const place = new RegExp(`(<!-- ${name}:[^>]*-->\\n)[^]*?(<!-- /${name} -->)`);
  if (!place.test(text)) throw new Error(`README.md has no place for the table of ${name}`);
  return text.replace(place, (_, start: string, end: string) => `${start}${content}\n${end}`);
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

const eventsTable = () =>
  table(
    ['event', 'when', 'metadata'],
    auditEventTypes.map((type) => [
      `\`${type}\``,
      eventDescriptions[type],
      describeFields(z.toJSONSchema(metadataSchemas[type])),
    ]),
  );

type JsonSchema = z.core.JSONSchema.JSONSchema;

/** "`scheduleId` uuid, `nextRetryAt` date-time or null, `updates` { `enabled`? boolean … }". */
const describeFields = ({ properties = {}, required = [] }: JsonSchema): string =>
  Object.entries(properties)
    .map(([name, schema]) => `\`${name}\`${required.includes(name) ? '' : '?'} ${describeType(schema as JsonSchema)}`)
    .join(', ');

const describeType = (schema: JsonSchema): string => {
  if (schema.anyOf) return schema.anyOf.map((part) => describeType(part as JsonSchema)).join(' or ');
  if (schema.type === 'object') return `{ ${describeFields(schema)} }`;
  return schema.format ?? [schema.type ?? 'any'].flat().join(' or ');
};
