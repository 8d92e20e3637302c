import type { ValidationIssue } from '../../kernel/errors.ts';

/** ACTIVE → DEPRECATED → ARCHIVED, and back. An archived flag is off everywhere; the only change it takes is a new status. */
export const flagStatuses = ['ACTIVE', 'DEPRECATED', 'ARCHIVED'] as const;
export type FlagStatus = (typeof flagStatuses)[number];

/** Finds why a flag cannot go from one status to another. */
export const findStatusIssues = (from: FlagStatus, to: FlagStatus): ValidationIssue[] =>
  from === 'ARCHIVED' && to === 'DEPRECATED'
    ? [{ path: ['status'], message: 'is DEPRECATED: an ARCHIVED flag can only become ACTIVE again' }]
    : [];
