import type { AuditEvent } from '../../src/audit/model/audit-event.ts';
import type { TestDatabase } from './databases.ts';
import { aLogEntry, linesOf } from './log-entries.ts';
import { emitEntries } from './tables.ts';

export type EventFields = Partial<AuditEvent>;

/**
 * Puts events into the outbox, as a transaction of another process would, and wakes the sequencers. Ids count up from `firstId`;
 * a log must not get the same id twice.
 */
export const emitEvents = async (
  { sql }: Pick<TestDatabase, 'sql'>,
  events: readonly EventFields[],
  firstId = 1,
): Promise<void> => {
  const entries = events.map((fields, index) => linesOf(aLogEntry(firstId + index, fields)));
  await emitEntries({ sql }, entries);
  await sql("SELECT pg_notify('flagtrail', 'outbox')");
};

export const cursorOf = (position: number): string => Buffer.from(`event:${position}`).toString('base64url');

export const range = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, i) => first + i);
