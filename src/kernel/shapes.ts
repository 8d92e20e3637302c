import { z } from 'zod';

// Functions that change every field of a Zod object, for another object with the same fields.

const mapShape = (shape: z.core.$ZodShape, change: (field: z.core.$ZodType) => z.core.$ZodType) =>
  Object.fromEntries(Object.entries(shape).map(([name, field]) => [name, change(field)]));

/** The same fields; each can also be null. */
export const nullableFields = <Shape extends z.core.$ZodShape>(shape: Shape) =>
  mapShape(shape, z.nullable) as { [Name in keyof Shape]: z.ZodNullable<Shape[Name]> };

/** Null means the same as an absent field. */
export const nullishFields = <Shape extends z.core.$ZodShape>(shape: Shape) =>
  mapShape(shape, z.nullish) as { [Name in keyof Shape]: z.ZodOptional<z.ZodNullable<Shape[Name]>> };

/** The fields without their null. */
export const presentFields = <Shape extends z.core.$ZodShape>(shape: Shape) =>
  mapShape(shape, (field) => (field instanceof z.ZodNullable ? field.unwrap() : field)) as {
    [Name in keyof Shape]: Shape[Name] extends z.ZodNullable<infer Present> ? Present : Shape[Name];
  };
