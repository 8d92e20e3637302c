import type { Caller } from '../../access/model/actor.ts';
import { attributedTo } from '../../audit/model/attribution.ts';
import type { Flag } from './flag.ts';
import type { FlagEventDraft } from './flag-event-types.ts';

/** The reads that AUDIT_READS can ask for. Each is the part of its event type after `flag.`. */
export const auditableReads = ['viewed', 'exported'] as const;
export type AuditableRead = (typeof auditableReads)[number];

export const flagViewed = (caller: Caller, { id, key }: Pick<Flag, 'id' | 'key'>): FlagEventDraft<'flag.viewed'> => ({
  eventType: 'flag.viewed',
  ...attributedTo(caller),
  resource: { type: 'flag', id },
  flagKey: key,
  description: `Flag '${key}' was viewed`,
  metadata: { flagKey: key },
});

/** How many flags were exported, from which environment, and in which format. */
export type FlagExport = { environment: string; format: string; flags: number };

export const flagsExported = (caller: Caller, { environment, format, flags }: FlagExport): FlagEventDraft<'flag.exported'> => ({
  eventType: 'flag.exported',
  ...attributedTo(caller),
  resource: { type: 'environment', id: environment },
  environment,
  description: `${flags} flag${flags === 1 ? '' : 's'} of ${environment} ${flags === 1 ? 'was' : 'were'} exported as ${format}`,
  metadata: { environment, format, flags },
});
