import { readFileSync } from 'node:fs';
import {
  buildASTSchema,
  type DefinitionNode,
  type GraphQLNamedType,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  parse,
  print,
  printSchema,
} from 'graphql';
import { describe, expect, it } from 'vitest';
import { schema } from '../../src/compose/schema.ts';

const contract = parse(readFileSync(new URL('./contract.graphql', import.meta.url), 'utf8'), { noLocation: true });
/** As clients see it: what is printed, read again. */
const printed = parse(printSchema(schema), { noLocation: true });

/** Every promise of a document, a line each: `Flag.state(environment: String! = "production")`. */
const promisesOf = ({ definitions }: { definitions: readonly DefinitionNode[] }): string[] =>
  definitions.flatMap((definition) => {
    if (!('name' in definition) || !definition.name) return [];
    const name = definition.name.value;
    const promises = [`${definition.kind} ${name}`];
    const add = (part: string) => promises.push(`${name}.${part}`);
    if ('interfaces' in definition) for (const type of definition.interfaces ?? []) add(`implements ${type.name.value}`);
    if ('types' in definition) for (const type of definition.types ?? []) add(`| ${type.name.value}`);
    if ('values' in definition) for (const value of definition.values ?? []) add(value.name.value);
    if (!('fields' in definition)) return promises;
    for (const field of definition.fields ?? []) {
      const ofInput = field.kind === 'InputValueDefinition';
      const byDefault = ofInput && field.defaultValue ? ` = ${print(field.defaultValue)}` : '';
      add(`${field.name.value}: ${print(field.type)}${byDefault}`);
      if (ofInput) continue;
      for (const argument of field.arguments ?? []) add(`${field.name.value}(${print({ ...argument, description: undefined })})`);
    }
    return promises;
  });

describe('the schema', () => {
  it('keeps every promise of the public contract: types, fields, arguments, nullability, defaults', () => {
    const kept = new Set(promisesOf(printed));
    expect(promisesOf(contract).filter((promise) => !kept.has(promise))).toEqual([]);
  });

  it('makes nobody give more than the contract says: what an input or a field takes beside it is optional', () => {
    const required = /^[^|]*: \S+!$/;
    const asked = (document: typeof contract) =>
      document.definitions.flatMap((definition) => {
        const lines = promisesOf({ definitions: [definition] });
        return definition.kind === 'InputObjectTypeDefinition'
          ? lines.filter((line) => required.test(line))
          : lines.filter((line) => /\([^=]*!\)$/.test(line));
      });
    expect(asked(printed).sort()).toEqual(asked(contract).sort());
  });

  it('describes every type, field, argument, enum value and input field', () => {
    expect(undescribed(schema)).toEqual([]);
  });

  it('says of every root field which role it takes, so that a forgotten one is open to nobody', () => {
    const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()];
    const roles = roots.flatMap((type) =>
      Object.values(type?.getFields() ?? {}).map(({ name, extensions }) => [`${type?.name}.${name}`, extensions.requiredRole]),
    );
    expect(Object.fromEntries(roles)).toEqual({
      'Query.viewer': null,
      'Query.environments': 'AUDITOR',
      'Query.flag': 'AUDITOR',
      'Query.flags': 'AUDITOR',
      'Query.flagCounts': 'AUDITOR',
      'Query.scheduleCounts': 'AUDITOR',
      'Query.exportFlags': 'AUDITOR',
      'Query.schedule': 'AUDITOR',
      'Query.schedules': 'AUDITOR',
      'Query.auditEvent': 'AUDITOR',
      'Query.auditEvents': 'AUDITOR',
      'Query.auditCheckpoint': 'AUDITOR',
      'Query.auditInclusionProof': 'AUDITOR',
      'Query.auditConsistencyProof': 'AUDITOR',
      'Query.apiKey': 'ADMIN',
      'Query.apiKeys': 'ADMIN',
      'Query.serviceStatus': 'AUDITOR',
      'Mutation.createFlag': 'ADMIN',
      'Mutation.updateFlag': 'ADMIN',
      'Mutation.deprecateFlag': 'ADMIN',
      'Mutation.archiveFlag': 'ADMIN',
      'Mutation.activateFlag': 'ADMIN',
      'Mutation.updateFlagState': 'ADMIN',
      'Mutation.addFlagRule': 'ADMIN',
      'Mutation.updateFlagRule': 'ADMIN',
      'Mutation.removeFlagRule': 'ADMIN',
      'Mutation.addFlagOverride': 'ADMIN',
      'Mutation.removeFlagOverride': 'ADMIN',
      'Mutation.startExperiment': 'ADMIN',
      'Mutation.stopExperiment': 'ADMIN',
      'Mutation.emergencyOverride': 'ADMIN',
      'Mutation.liftEmergencyOverride': 'ADMIN',
      'Mutation.deleteFlag': 'ADMIN',
      'Mutation.createEnvironment': 'ADMIN',
      'Mutation.updateEnvironment': 'ADMIN',
      'Mutation.deleteEnvironment': 'ADMIN',
      'Mutation.enableEnvironment': 'ADMIN',
      'Mutation.disableEnvironment': 'ADMIN',
      'Mutation.createSchedule': 'ADMIN',
      'Mutation.cancelSchedule': 'ADMIN',
      'Mutation.cancelSchedules': 'ADMIN',
      'Mutation.updateSchedule': 'ADMIN',
      'Mutation.retrySchedule': 'ADMIN',
      'Mutation.applySchedule': 'ADMIN',
      'Mutation.createApiKey': 'ADMIN',
      'Mutation.erasePerson': 'ADMIN',
      'Mutation.revokeApiKey': 'ADMIN',
      'Mutation.recordAuditEvents': 'AUDIT_WRITER',
      'Subscription.auditEvents': 'AUDITOR',
    });
  });
});

describe('the check of descriptions', () => {
  it('finds a type, a field, an argument, an enum value and an input field without one', () => {
    const bare = buildASTSchema(parse('type Query { a(b: C): D } input C { e: Int } enum D { F }'));
    expect(undescribed(bare)).toEqual(['Query', 'Query.a', 'Query.a(b)', 'C', 'C.e', 'D', 'D.F']);
  });
});

function undescribed(of: GraphQLSchema): string[] {
  const own = Object.values(of.getTypeMap()).filter(
    ({ name }) => !name.startsWith('__') && !['String', 'Int', 'Float', 'Boolean', 'ID'].includes(name),
  );
  return own.flatMap((type) => partsOf(type).flatMap(([name, { description }]) => (description?.trim() ? [] : [name])));
}

function partsOf(type: GraphQLNamedType): [string, { description?: string | null | undefined }][] {
  const parts: ReturnType<typeof partsOf> = [[type.name, type]];
  if (isEnumType(type)) for (const value of type.getValues()) parts.push([`${type.name}.${value.name}`, value]);
  if (isInputObjectType(type) || isObjectType(type) || isInterfaceType(type)) {
    for (const field of Object.values(type.getFields())) {
      parts.push([`${type.name}.${field.name}`, field]);
      for (const argument of 'args' in field ? field.args : []) {
        parts.push([`${type.name}.${field.name}(${argument.name})`, argument]);
      }
    }
  }
  return parts;
}
