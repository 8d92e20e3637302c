import { createHash } from 'node:crypto';
import { makeDisclose } from '../../src/audit/entry/disclose.ts';
import type { AuditEvent, LogEntry } from '../../src/audit/model/audit-event.ts';
import { splitLines, toLines } from '../../src/audit/model/entry.ts';
import type { AuditLog } from '../../src/audit/ports/audit-log.ts';

export const testInstant = new Date('2026-11-20T09:00:00.000Z');

/** With a salt that is always the same, so that an event always makes the same entry. */
const disclose = makeDisclose({ newSalt: () => 'AAAAAAAAAAAAAAAAAAAAAA' });

/** The event as it is handed to the outbox. */
export const toTestLines = (event: AuditEvent): string => toLines(event, disclose);

/** RFC 6962, section 2.1. */
export const leafHashOf = (entry: string): string => createHash('sha256').update(Uint8Array.of(0)).update(entry).digest('base64');

/** A log entry at a position; its id is derived from the position. */
export const aLogEntry = (
  position: number,
  { sealedAt = testInstant, ...fields }: Partial<AuditEvent> & { sealedAt?: Date } = {},
): LogEntry => {
  const event: AuditEvent = {
    id: `01900000-0000-7000-8000-${position.toString().padStart(12, '0')}`,
    eventType: 'flag.enabled',
    timestamp: sealedAt.toISOString(),
    actor: { type: 'USER', id: 'ada', name: 'Ada', email: 'ada@example.com' },
    resource: { type: 'flag', id: 'checkout-v2' },
    flagKey: 'checkout-v2',
    scheduleId: null,
    allEnvironments: false,
    environment: 'production',
    workspaceId: null,
    previousState: { enabled: false },
    newState: { enabled: true },
    changes: [{ field: 'enabled', previousValue: false, newValue: true }],
    description: "Flag 'checkout-v2' was enabled in production",
    metadata: { flagKey: 'checkout-v2', environment: 'production', adminUserId: 'ada', adminEmail: 'ada@example.com' },
    result: 'SUCCESS',
    errorMessage: null,
    requestContext: null,
    ...fields,
  };
  const lines = splitLines(toTestLines(event));
  return { position, sealedAt, event, ...lines, leafHash: leafHashOf(lines.entry) };
};

/** An entry's lines, as the outbox takes them. */
export const linesOf = ({ entry, disclosures }: Pick<LogEntry, 'entry' | 'disclosures'>): string =>
  disclosures === '' ? entry : `${entry}\n${disclosures}`;

/** Entries at the positions from `first` to `last`. */
export const logEntries = (first: number, last: number, sealedAt = testInstant): LogEntry[] =>
  Array.from({ length: last - first + 1 }, (_, index) => aLogEntry(first + index, { sealedAt }));

/** A log in memory, with the parts that followers read. */
export const makeMemoryLog = (
  entries: LogEntry[] = [],
): Pick<AuditLog, 'size' | 'readAfter'> & { append(...more: LogEntry[]): void } => ({
  append: (...more) => {
    entries.push(...more);
  },
  size: async () => entries.at(-1)?.position ?? 0,
  readAfter: async (position, limit) => entries.filter((entry) => entry.position > position).slice(0, limit),
});
