import type { ValidationIssue } from '../../kernel/errors.ts';
import type { Flag } from '../model/flag.ts';
import { findVariantsMissingIn, losesVariants, maxMissingVariants } from '../model/variant-use.ts';
import type { OpenSchedules } from './open-schedules.ts';

/** Each may bring 64 KiB of rules. */
const pageSize = 100;

/** Which variants a flag would lose that its open schedules need, and which schedules those are. At most 20. */
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
