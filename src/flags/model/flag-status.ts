import type { ValidationIssue } from '../../kernel/errors.ts';

/** ACTIVE → DEPRECATED → ARCHIVED, and back. An archived flag is off everywhere and takes no change but its return. */
export const flagStatuses = ['ACTIVE', 'DEPRECATED', 'ARCHIVED'] as const;
export type FlagStatus = (typeof flagStatuses)[number];

/** Why a status cannot follow another. */
export const findStatusIssues = (from: FlagStatus, to: FlagStatus): ValidationIssue[] =>
  from === 'ARCHIVED' && to === 'DEPRECATED'
    ? [{ path: ['status'], message: 'is DEPRECATED: an ARCHIVED flag can only become ACTIVE again' }]
    : [];
