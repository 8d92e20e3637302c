import { isDeepStrictEqual } from 'node:util';
import { quote } from '../columns.ts';
import type { Query } from '../database-source.ts';
import { isObject, type Json, type JsonObject, readEvent } from '../event.ts';
import { Tampered } from '../outcome.ts';
import type { Waiting } from '../waiting-events.ts';
import type { Replay } from './replay.ts';

/** What is being compared, and what was not. */
export type Comparison = {
  query: Query;
  replay: Replay;
  waiting: Waiting;
  prunedTo: number;
  /** Counts what the log cannot tell. */
  skip: (reason: string, count?: number) => void;
};

export const reasons = {
  pruned: 'nothing is left of their events: they were pruned',
  erased: 'their last event does not show its values any more',
  waiting: 'an event about them waits for its position',
  untold: 'fields that events of older releases do not tell',
} as const;

/** What the events at these positions say came of them. Entries were verified before, in the same transaction. */
export const readTold = async (
  query: Query,
  positions: Iterable<number | null | undefined>,
): Promise<Map<number, JsonObject>> => {
  // Only numbers that were counted here get into the statement.
  const wanted = [...new Set(positions)].filter((position): position is number => typeof position === 'number' && position > 0);
  if (wanted.length === 0) return new Map();
  const rows = await query<{ position: bigint | number; entry: string; disclosures: string | null }>(
    `SELECT l.position, l.entry, d.disclosures FROM audit_log l LEFT JOIN audit_disclosures d USING (position)
     WHERE l.position IN (${wanted.join()})`,
  );
  return new Map(
    rows.map(({ position, entry, disclosures }) => {
      const lines = disclosures?.split('\n').filter((line) => line !== '') ?? [];
      const encoded = lines.map((line) => Buffer.from(line, 'utf8').toString('base64url'));
      const { newState } = readEvent(Number(position), Buffer.from(entry, 'utf8'), encoded).fields;
      return [Number(position), isObject(newState) ? newState : {}];
    }),
  );
};

type Difference = { what: string; field: string; position: number; said: Json; table: string; found: unknown };

const differs = ({ what, field, position, said, table, found }: Difference): Tampered =>
  new Tampered(
    'state',
    position,
    `${what}: the log says that ${field} is ${quote(said)} (position ${position}), but the table ${table} says ${quote(found)}: it was changed without an event.`,
  );

type Compared = { what: string; table: string; position: number; said: JsonObject; found: { [field: string]: unknown } };

/** Compares the fields that the log tells. Throws Tampered. */
export const compareFields = ({ what, table, position, said, found }: Compared, skip: Comparison['skip']): void => {
  for (const [field, value] of Object.entries(found)) {
    const told = said[field];
    if (told === undefined) skip(reasons.untold);
    else if (!isDeepStrictEqual(told, value)) throw differs({ what, field, position, said: told, table, found: value });
  }
};
