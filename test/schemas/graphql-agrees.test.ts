import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import * as schemas from '../../src/schemas/main.ts';
import { fieldsOfGraphQL, fieldsOfZod, introspected } from './shapes.ts';

const lowerFirst = (name: string) => name.charAt(0).toLowerCase() + name.slice(1);
const inputNames = [...introspected.values()].filter(({ kind }) => kind === 'INPUT_OBJECT').map(({ name }) => name);
const zodInputs = new Map(
  Object.entries(schemas).flatMap(([name, schema]) =>
    schema instanceof z.ZodObject && /(Input|Filter)$/.test(name) ? [[name, schema] as const] : [],
  ),
);

describe('the Zod schemas of inputs', () => {
  it('are there for every GraphQL input, and for nothing else', () => {
    expect([...zodInputs.keys()].sort()).toEqual(inputNames.map(lowerFirst).sort());
  });

  it.each(inputNames)('%s has the fields that GraphQL has: types, values of enums, required, nullable, defaults', (name) => {
    const schema = zodInputs.get(lowerFirst(name));
    expect(schema && fieldsOfZod(schema)).toEqual(fieldsOfGraphQL(name));
  });
});

it('AuditEventInput describes each field as the Zod schema does, in words of its own', () => {
  const type = introspected.get('AuditEventInput');
  const described = type?.kind === 'INPUT_OBJECT' ? type.inputFields.map(({ name, description }) => [name, description]) : [];
  const fields = Object.entries<z.ZodType>(schemas.auditEventInput.shape).map(([name, field]) => [name, field.description]);
  expect(Object.fromEntries(described)).toEqual(Object.fromEntries(fields));
  expect(new Set(described.map(([, description]) => description)).size).toBe(fields.length);
});

/** Fields of an object type, by whether they may be null. */
const outputOf = (typeName: string) => {
  const type = introspected.get(typeName);
  if (type?.kind !== 'OBJECT') throw new Error(`${typeName} is no object`);
  return new Map(type.fields.map(({ name, type }) => [name, { nullable: type.kind !== 'NON_NULL' }]));
};
const nullabilityOf = ({ shape }: z.ZodObject) =>
  Object.entries(shape).map(([name, field]) => [name, { nullable: z.safeParse(field, null).success }] as const);

describe('the Zod schemas of answers', () => {
  it.each([
    ['Schedule', schemas.scheduleSchema],
    ['FlagUpdates', schemas.scheduleSchema.shape.updates],
    ['Flag', schemas.flagSchema],
    ['Variant', schemas.flagSchema.shape.variants.element],
    ['FlagState', schemas.flagStateSchema],
    ['EffectiveFlagState', schemas.flagStateSchema.shape.effective],
    ['FlagRule', schemas.flagStateSchema.shape.rules.element],
    ['FlagOverride', schemas.flagStateSchema.shape.overrides.element],
    ['Experiment', schemas.flagStateSchema.shape.experiment.unwrap()],
    ['EmergencyOverride', schemas.flagStateSchema.shape.emergency.unwrap()],
    // What GraphQL calls occurredAt is `timestamp` in an entry, on the wire and in exports; `sealedAt` is of the log alone.
    ['AuditEvent', schemas.wireEventSchema.omit({ timestamp: true, sealedAt: true })],
    ['Actor', schemas.auditEventSchema.shape.actor],
    ['RequestContext', schemas.auditEventSchema.shape.requestContext.unwrap()],
    ['FieldChange', schemas.auditEventSchema.shape.changes.element],
    ['AuditResource', schemas.auditEventSchema.shape.resource.unwrap()],
  ])('%s has fields of GraphQL, null where they may be null there', (typeName, schema) => {
    const fields = outputOf(typeName);
    for (const [name, nullable] of nullabilityOf(schema)) expect([name, fields.get(name)]).toEqual([name, nullable]);
  });

  it('scheduleSchema and its updates leave out nothing but what is reached through a schedule', () => {
    const reached = ['flag', 'conflicts', 'auditEvents', 'createdByActor', 'cancelledByActor'];
    const fields = [...outputOf('Schedule').keys()].filter((name) => !reached.includes(name));
    expect(Object.keys(schemas.scheduleSchema.shape).sort()).toEqual(fields.sort());
    const updates = Object.keys(schemas.scheduleSchema.shape.updates.shape);
    expect(updates).toEqual(Object.keys(schemas.flagUpdatesInput.shape));
    expect(updates.sort()).toEqual([...outputOf('FlagUpdates').keys()].sort());
  });
});

describe('the Zod schemas of flags', () => {
  it.each<[string, z.ZodObject, string[]]>([
    [
      'Flag',
      schemas.flagSchema,
      ['state', 'states', 'schedules', 'openSchedules', 'cancelledByDeletion', 'history', 'createdByActor'],
    ],
    ['FlagState', schemas.flagStateSchema, ['flag', 'upcomingRetries', 'openSchedules']],
  ])('%s leaves out nothing but what is reached through it', (typeName, schema, reached) => {
    const fields = [...outputOf(typeName).keys()].filter((name) => !reached.includes(name));
    expect(Object.keys(schema.shape).sort()).toEqual(fields.sort());
  });
});

describe('the types of events', () => {
  const reference = readFileSync(new URL('../../docs/events.md', import.meta.url), 'utf8');

  it('are the same in GraphQL, in Zod and in docs/events.md', () => {
    const type = introspected.get('AuditEventType');
    const names = type?.kind === 'ENUM' ? type.enumValues.map(({ name }) => name) : [];
    const expected = Object.keys(schemas.metadataSchemas).map((name) => name.toUpperCase().replace('.', '_'));
    expect(names.toSorted()).toEqual(expected.toSorted());
    expect(schemas.auditEventTypeNames).toEqual(expected);
    expect(schemas.auditEventSchema.shape.eventType.options).toEqual(Object.keys(schemas.metadataSchemas));
    const table = reference.slice(reference.indexOf('<!-- events:'), reference.indexOf('<!-- /events -->'));
    expect([...table.matchAll(/^\| `([a-z_.]+)` \|/gm)].map(([, name]) => name)).toEqual(schemas.auditEventTypes);
  });
});
