import fc from 'fast-check';
import { z } from 'zod';
import { unwrap } from './shapes.ts';

/** Text of any characters, astral and control characters among them, up to a length in UTF-16 units and often as long. */
export const anyText = (max = 40): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 3, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: Math.min(max, 40) }) },
    { weight: 2, arbitrary: fc.constantFrom('x'.repeat(max), '漢'.repeat(max), '🦊'.repeat(max / 2)) },
    { weight: 1, arbitrary: fc.constantFrom("'; DROP TABLE x --", '\\', '%_', '') },
  );

/** JSON of any form, with numbers at the edges of a double. */
export const anyJson = fc.letrec<{ json: unknown }>((tie) => ({
  json: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.oneof(
      fc.constant(null),
      fc.boolean(),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.maxSafeInteger(),
      anyText(),
    ),
    fc.array(tie('json'), { maxLength: 4 }),
    fc.dictionary(anyText(), tie('json'), { maxKeys: 4 }),
  ),
})).json;

/** Fields, by name, whose values are no matter of chance: those that name what is there. */
export type Known = Record<string, fc.Arbitrary<unknown>>;

/** Values of the form that a schema describes. Most are valid; `safeParse` knows which. */
export const arbitraryOf = (schema: z.core.$ZodType, known: Known = {}): fc.Arbitrary<unknown> => {
  const inner = unwrap(schema);
  const values = valuesOf(inner, known);
  const absent = [undefined, null].filter((value) => z.safeParse(schema, value).success);
  if (absent.length === 0) return values;
  return fc.oneof({ weight: 3, arbitrary: values }, { weight: 1, arbitrary: fc.constantFrom(...absent) });
};

const valuesOf = (schema: z.core.$ZodType, known: Known): fc.Arbitrary<unknown> => {
  if (schema instanceof z.ZodObject) {
    const fields = Object.entries(schema.shape).map(([name, field]) => [name, known[name] ?? arbitraryOf(field, known)]);
    return fc.record(Object.fromEntries(fields));
  }
  if (schema instanceof z.ZodArray) return fc.array(arbitraryOf(schema.element, known), { maxLength: 4 });
  if (schema instanceof z.ZodEnum) return fc.constantFrom(...schema.options);
  if (schema instanceof z.ZodUUID) return fc.uuid();
  if (schema instanceof z.ZodString) return anyText(schema.maxLength ?? undefined);
  if (schema instanceof z.ZodBoolean) return fc.boolean();
  if (schema instanceof z.ZodNumber) {
    const [min, max] = [schema.minValue ?? 0, schema.maxValue ?? 0];
    return fc.oneof(fc.constantFrom(min, max), fc.integer({ min, max }));
  }
  return schema instanceof z.ZodUnion ? anyInstant : anyJson;
};

/** As a Date and as text, most of them ahead, also where instants end. */
const anyInstant = fc.oneof(
  fc.integer({ min: 1, max: 4 * 365 }).map((days) => new Date(Date.now() + days * 86_400_000)),
  fc
    .integer({ min: 1, max: 4 * 365 })
    .map((days) => new Date(Date.now() + days * 86_400_000).toISOString().replace('Z', '+00:00')),
  fc.date({ noInvalidDate: true, min: new Date('0001-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59.999Z') }),
);
