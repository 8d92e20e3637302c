import type { DatabaseSync } from 'node:sqlite';
import type { NewId } from '../../kernel/clock.ts';
import type { Loss } from '../ports/spool.ts';

/** Why a spool loses events. */
export const lossReasons = {
  /** The spool's limit was reached. */
  full: 'spool_full',
  /**
   * The file could not be written: the disk is full or broken, permission is missing, or another process held the file for too
   * long.
   */
  unavailable: 'spool_unavailable',
  /** The file was damaged. */
  corrupted: 'spool_corrupted',
} as const;

/** Maps a row of `losses`. */
export const toLoss = (row: Record<string, unknown>): Loss => ({
  id: String(row.id),
  logId: String(row.log_id),
  reason: String(row.reason),
  count: Number(row.count),
  since: new Date(Number(row.since)),
  until: new Date(Number(row.until)),
});

/** Adds to the unread loss of the same log and reason, or starts a new one. */
export const storeLoss = (database: DatabaseSync, { id, logId, reason, count, since, until }: Loss): void => {
  database
    .prepare(
      `INSERT INTO losses (id, log_id, reason, count, since, until) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (log_id, reason) WHERE was_read = 0
       DO UPDATE SET count = count + excluded.count, since = min(since, excluded.since), until = max(until, excluded.until)`,
    )
    .run(id, logId, reason, count, since.getTime(), until.getTime());
};

/** Stores a loss that may have been read: unchanged, under its own id. */
export const storeReadLoss = (database: DatabaseSync, { id, logId, reason, count, since, until }: Loss): void => {
  database
    .prepare('INSERT OR IGNORE INTO losses (id, log_id, reason, count, since, until, was_read) VALUES (?, ?, ?, ?, ?, ?, 1)')
    .run(id, logId, reason, count, since.getTime(), until.getTime());
};

/** Losses that the disk does not take yet. Like those on disk, they do not change once they have been read. */
export const makeLossMemory = ({ newId }: { newId: NewId }) => {
  let held: { loss: Loss; wasRead: boolean }[] = [];
  return {
    add: (logId: string, reason: string, count: number, at: Date): void => {
      const same = held.find(({ loss, wasRead }) => !wasRead && loss.logId === logId && loss.reason === reason);
      if (same) same.loss = { ...same.loss, count: same.loss.count + count, until: at };
      else held.push({ loss: { id: newId(at), logId, reason, count, since: at, until: at }, wasRead: false });
    },
    read: (logId: string): Loss[] => {
      const own = held.filter(({ loss }) => loss.logId === logId);
      for (const one of own) one.wasRead = true;
      return own.map(({ loss }) => loss);
    },
    remove: (ids: ReadonlySet<string>): void => {
      held = held.filter(({ loss }) => !ids.has(loss.id));
    },
    count: (): number => held.reduce((sum, { loss }) => sum + loss.count, 0),
    isEmpty: (): boolean => held.length === 0,
    /** Writes all of them. Call `clear` once that is committed. */
    store: (database: DatabaseSync): void => {
      for (const { loss, wasRead } of held) (wasRead ? storeReadLoss : storeLoss)(database, loss);
    },
    clear: (): void => {
      held = [];
    },
  };
};
