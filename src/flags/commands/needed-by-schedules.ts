import type { ValidationIssue } from '../../kernel/errors.ts';
import type { Flag } from '../model/flag.ts';
import { findVariantsMissingIn, losesVariants, maxMissingVariants } from '../model/variant-use.ts';
import type { OpenSchedules } from './open-schedules.ts';

/** Each schedule can hold 64 KiB of rules. */
const pageSize = 100;

/**
 * Finds variants that the flag would lose although open schedules need them. Returns at most 20 issues, each with its schedule.
 */
export const findNeededBySchedules = async (
  schedules: Pick<OpenSchedules, 'listOpenWithVariants'>,
  flag: Flag,
  next: Pick<Flag, 'type' | 'variants'>,
): Promise<ValidationIssue[]> => {
  const issues: ValidationIssue[] = [];
  if (!losesVariants(flag, next)) return issues;
  let after: string | null = null;
  do {
    const page = await schedules.listOpenWithVariants(flag.id, after, pageSize);
    issues.push(...findVariantsMissingIn(next, page));
    after = page.length === pageSize ? (page.at(-1)?.id ?? null) : null;
  } while (after !== null && issues.length < maxMissingVariants);
  return issues.slice(0, maxMissingVariants);
};
