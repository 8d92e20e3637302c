import { expect, it } from 'vitest';
import { z } from 'zod';
import { inputOf } from './input-of.ts';

it('a field whose GraphQL type Zod does not tell is refused by its name', () => {
  const schema = z.object({ colour: z.enum(['RED', 'BLUE']) });
  expect(() => inputOf('PaintInput', { description: 'Of this test.', schema })).toThrow(
    'colour is a ZodEnum, which has no GraphQL scalar: name its type',
  );
});
