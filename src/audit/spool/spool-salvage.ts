import { DatabaseSync } from 'node:sqlite';
import type { Loss, SpooledEvent } from '../ports/spool.ts';
import { lossColumns, toLoss } from './spool-losses.ts';

/** What could be read of a corrupted spool. */
export type Salvaged = {
  events: SpooledEvent[];
  losses: Loss[];
  /** How many stored events of each log could not be read, as far as the file still tells. */
  missing: Map<string, number>;
};

/** Reads what can be read from a corrupted file. Never throws. */
export const salvage = (file: string): Salvaged => {
  const salvaged: Salvaged = { events: [], losses: [], missing: new Map() };
  const database = openQuietly(file);
  if (!database) return salvaged;
  readInto(database, 'SELECT log_id, events FROM usage', (row) => salvaged.missing.set(String(row.log_id), Number(row.events)));
  readInto(database, `SELECT ${lossColumns} FROM losses`, (row) => salvaged.losses.push(toLoss(row)));
  readInto(database, 'SELECT log_id, transaction_id, entry FROM events ORDER BY id', (row) => {
    const logId = String(row.log_id);
    salvaged.events.push({
      logId,
      transactionId: row.transaction_id === null ? null : String(row.transaction_id),
      entry: String(row.entry),
    });
    salvaged.missing.set(logId, (salvaged.missing.get(logId) ?? 0) - 1);
  });
  database.close();
  return salvaged;
};

const openQuietly = (file: string): DatabaseSync | null => {
  try {
    return new DatabaseSync(file, { readOnly: true });
  } catch {
    return null;
  }
};

const readInto = (database: DatabaseSync, query: string, take: (row: Record<string, unknown>) => void): void => {
  try {
    for (const row of database.prepare(query).iterate()) take(row);
  } catch {
    // Rows before the damage have been taken.
  }
};
