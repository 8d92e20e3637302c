import type { DatabaseSync } from 'node:sqlite';
import type { NewId } from '../../kernel/clock.ts';
import { type Loss, type LostEvent, mostNamed } from '../ports/spool.ts';

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

/** The columns of a loss; its events are an array of JSON. */
export const lossColumns = `id, log_id, reason, count, since, until,
  (SELECT json_group_array(json_object('id', event_id, 'eventType', event_type)) FROM lost_events WHERE loss_id = losses.id) AS events`;

/** Maps a row of `losses`. */
export const toLoss = (row: Record<string, unknown>): Loss => ({
  id: String(row.id),
  logId: String(row.log_id),
  reason: String(row.reason),
  count: Number(row.count),
  since: new Date(Number(row.since)),
  until: new Date(Number(row.until)),
  events: JSON.parse(String(row.events)),
});

/** Adds to the unread loss of the same log and reason, or starts a new one. */
export const storeLoss = (database: DatabaseSync, { id, logId, reason, count, since, until, events }: Loss): void => {
  const stored = database
    .prepare(
      `INSERT INTO losses (id, log_id, reason, count, since, until) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (log_id, reason) WHERE was_read = 0
       DO UPDATE SET count = count + excluded.count, since = min(since, excluded.since), until = max(until, excluded.until)
       RETURNING id`,
    )
    .get(id, logId, reason, count, since.getTime(), until.getTime());
  storeNames(database, String(stored?.id), events);
};

/** Stores a loss that may have been read: unchanged, under its own id. */
export const storeReadLoss = (database: DatabaseSync, { id, logId, reason, count, since, until, events }: Loss): void => {
  const { changes } = database
    .prepare('INSERT OR IGNORE INTO losses (id, log_id, reason, count, since, until, was_read) VALUES (?, ?, ?, ?, ?, ?, 1)')
    .run(id, logId, reason, count, since.getTime(), until.getTime());
  if (changes > 0) storeNames(database, id, events);
};

const storeNames = (database: DatabaseSync, lossId: string, events: readonly LostEvent[]): void => {
  for (const { id, eventType } of events.slice(0, mostNamed)) {
    database
      .prepare(
        `INSERT INTO lost_events (loss_id, event_id, event_type)
         SELECT ?, ?, ? WHERE (SELECT count(*) FROM lost_events WHERE loss_id = ?) < ?`,
      )
      .run(lossId, id, eventType, lossId, mostNamed);
  }
};

/** Events that were lost just now. */
export type NewLoss = Pick<Loss, 'logId' | 'reason' | 'count' | 'events'>;

/** Losses that the disk does not take yet. Like those on disk, they do not change once they have been read. */
export const makeLossMemory = ({ newId }: { newId: NewId }) => {
  let held: { loss: Loss; wasRead: boolean }[] = [];
  return {
    add: ({ logId, reason, count, events }: NewLoss, at: Date): void => {
      const same = held.find(({ loss, wasRead }) => !wasRead && loss.logId === logId && loss.reason === reason);
      if (!same) {
        held.push({ loss: { id: newId(at), logId, reason, count, since: at, until: at, events }, wasRead: false });
        return;
      }
      const named = [...same.loss.events, ...events].slice(0, mostNamed);
      same.loss = { ...same.loss, count: same.loss.count + count, until: at, events: named };
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
