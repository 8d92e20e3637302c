import type { InputRef } from '@pothos/core';
import { z } from 'zod';
import { builder } from './builder.ts';

type Options<Schema extends z.ZodObject> = {
  description: string;
  schema: Schema;
  /** The GraphQL types of fields that are enums or input objects. Zod does not know their GraphQL names. */
  types?: { [Field in keyof z.input<Schema>]?: unknown };
};

/**
 * A GraphQL input with the fields of a Zod object: their types, whether they are required, their defaults, and their
 * descriptions (`.describe`). The Zod schema still validates the values.
 */
export const inputOf = <Schema extends z.ZodObject>(
  name: string,
  { description, schema, types = {} }: Options<Schema>,
): InputRef<z.input<Schema>> => {
  const fields = Object.entries<z.core.$ZodType>(schema.shape).map(([field, type]) => {
    const absent = z.safeParse(type, undefined);
    const options = {
      type: (types as Record<string, unknown>)[field] ?? scalarOf(field, type),
      description: z.globalRegistry.get(type)?.description,
      required: !absent.success,
      ...(absent.data != null && { defaultValue: absent.data }),
    };
    return [field, options] as const;
  });
  return builder.inputRef<z.input<Schema>, false>(name).implement({
    description,
    // Pothos cannot infer types from a table of fields, so the return type above states the type of the whole input.
    fields: (t) => Object.fromEntries(fields.map(([field, options]) => [field, t.field(options as never)])) as never,
  });
};

const scalarOf = (field: string, schema: z.core.$ZodType): string => {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodDefault)
    return scalarOf(field, schema.unwrap());
  if (schema instanceof z.ZodPipe) return scalarOf(field, schema.in);
  if (schema instanceof z.ZodUUID) return 'ID';
  if (schema instanceof z.ZodString) return 'String';
  if (schema instanceof z.ZodBoolean) return 'Boolean';
  if (schema instanceof z.ZodCustom) return 'JSON';
  if (schema instanceof z.ZodUnion && schema.options.some((option) => option instanceof z.ZodDate)) return 'DateTime';
  throw new TypeError(`${field} is a ${schema.constructor.name}, which has no GraphQL scalar: name its type`);
};
