import { z } from 'zod';
import { findJsonProblem, type Json } from '../json.ts';
import { bytesOf } from '../json-size.ts';

const maxBytes = 64 * 1024;
const maxLevels = 32;

/** What other applications say in their own form: JSON of at most 64 KiB, nested at most 32 levels deep. Absent is null. */
export const recordableJson = z
  .custom<Json>()
  .optional()
  .transform((value) => value ?? null)
  .superRefine((value, context) => {
    const tooLarge = () => (bytesOf(value) > maxBytes ? `must take at most ${maxBytes} bytes as JSON` : null);
    const problem = findJsonProblem(value, maxLevels) ?? tooLarge();
    if (problem) context.addIssue(problem);
  });
