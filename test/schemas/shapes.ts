import { type IntrospectionField, type IntrospectionInputValue, introspectionFromSchema } from 'graphql';
import { z } from 'zod';
import { schema } from '../../src/compose/schema.ts';

// What an input takes, in one form for GraphQL and Zod. Enum values in alphabetical order.

type Type = string | { enum: string[] } | { list: Value } | { fields: Record<string, Field> };
type Value = { nullable: boolean; type: Type };
type Field = Value & { required: boolean; default?: unknown };

/** Every type of the schema, as clients are told. */
export const introspected = new Map(introspectionFromSchema(schema).__schema.types.map((type) => [type.name, type]));

type TypeRef = IntrospectionInputValue['type'] | IntrospectionField['type'];

const valueOfGraphQL = (ref: TypeRef): Value => {
  if (ref.kind === 'NON_NULL') return { ...valueOfGraphQL(ref.ofType), nullable: false };
  if (ref.kind === 'LIST') return { nullable: true, type: { list: valueOfGraphQL(ref.ofType) } };
  return { nullable: true, type: typeOfGraphQL(ref.name) };
};

const typeOfGraphQL = (name: string): Type => {
  const type = introspected.get(name);
  if (type?.kind === 'ENUM') return { enum: type.enumValues.map((value) => value.name).sort() };
  if (type?.kind === 'INPUT_OBJECT') return { fields: fieldsOfGraphQL(name) };
  return name === 'String' ? 'text' : name;
};

/** The fields of a GraphQL input. */
export const fieldsOfGraphQL = (inputName: string): Record<string, Field> => {
  const type = introspected.get(inputName);
  if (type?.kind !== 'INPUT_OBJECT') throw new Error(`${inputName} is no input`);
  return Object.fromEntries(
    type.inputFields.map(({ name, type, defaultValue }) => {
      const value = valueOfGraphQL(type);
      // Where null is allowed, the use case gives null the meaning that GraphQL's default has.
      const byDefault = defaultValue != null && !value.nullable;
      const required = !value.nullable && defaultValue == null;
      return [name, { ...value, required, ...(byDefault && { default: JSON.parse(defaultValue) }) }];
    }),
  );
};

const accepts = (schema: z.core.$ZodType, value: unknown) => z.safeParse(schema, value).success;

/** Without what only says whether a value may be missing, and what becomes of it. */
export const unwrap = (schema: z.core.$ZodType): z.core.$ZodType => {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodDefault) {
    return unwrap(schema.unwrap());
  }
  return schema instanceof z.ZodPipe ? unwrap(schema.in) : schema;
};

const valueOfZod = (schema: z.core.$ZodType): Value => ({ nullable: accepts(schema, null), type: typeOfZod(unwrap(schema)) });

const typeOfZod = (schema: z.core.$ZodType): Type => {
  if (schema instanceof z.ZodObject) return { fields: fieldsOfZod(schema) };
  if (schema instanceof z.ZodArray) return { list: valueOfZod(schema.element) };
  if (schema instanceof z.ZodEnum) return { enum: schema.options.map(String).sort() };
  if (schema instanceof z.ZodUUID) return 'ID';
  if (schema instanceof z.ZodString) return 'text';
  if (schema instanceof z.ZodBoolean) return 'Boolean';
  if (schema instanceof z.ZodNumber)
    return [2 ** 31, -(2 ** 31) - 1, 0.5].some((value) => accepts(schema, value)) ? 'number' : 'Int';
  if (schema instanceof z.ZodCustom) return 'JSON';
  if (schema instanceof z.ZodUnion && schema.options.some((option) => option instanceof z.ZodDate)) return 'DateTime';
  throw new Error(`no GraphQL input has a ${schema.constructor.name}`);
};

/** The fields of a Zod object. */
export const fieldsOfZod = ({ shape }: z.ZodObject): Record<string, Field> =>
  Object.fromEntries(
    Object.entries(shape).map(([name, field]) => {
      const missing = z.safeParse(field, undefined);
      const byDefault = field instanceof z.ZodDefault;
      return [name, { ...valueOfZod(field), required: !missing.success, ...(byDefault && { default: missing.data }) }];
    }),
  );
