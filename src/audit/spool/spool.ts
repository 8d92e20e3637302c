import type { DatabaseSync } from 'node:sqlite';
import type { NewId } from '../../kernel/clock.ts';
import type { Spool, SpooledEvent } from '../ports/spool.ts';
import { openSpoolFile, type Wait } from './spool-file.ts';
import { lossReasons, makeLossMemory, storeLoss, storeReadLoss, toLoss } from './spool-losses.ts';

type Deps = {
  /** DATA_DIR. It is created, like the file in it, when the first event needs it. */
  folder: string;
  /**
   * How many bytes of UTF-8 the entries can take together. The file grows to about one and a half times that, and does not
   * shrink.
   */
  maxBytes: number;
  now: () => Date;
  newId: NewId;
  /** Called with trouble about the file: once for each kind, until the file works again. */
  onProblem: (message: string) => void;
  wait?: Wait;
};

/**
 * Whether the disk takes spooled events.
 *
 * | state     | meaning                                         | next state                                                |
 * | --------- | ----------------------------------------------- | --------------------------------------------------------- |
 * | `working` | the last call succeeded                         | `failing`: a call fails; the problem is reported          |
 * | `failing` | the last call failed: losses are counted        | `working`: a call succeeds, and stores the count          |
 * |           | in memory                                       | `failing`: a call fails; a new problem is reported        |
 *
 * `isImpatient`: an event has waited for the file in vain. Until the file works again, further events wait only as long as a look
 * does.
 */
type State = { is: 'working' } | { is: 'failing'; problem: string; isImpatient: boolean };

/**
 * How long a call waits for other processes that write; everything else that this process does waits, too. A look at the spool
 * repeats itself, but an event that does not get its turn is lost. With six processes on two busy cores, a turn took up to 1.03 s
 * to come. Events wait three times that: waiting longer would delay the operation that the event records.
 */
const patience = { lookMs: 1_000, eventMs: 3_000 };

/** The spool in one SQLite file, `spool.sqlite`, which several processes share. A process that spools nothing opens no file. */
export const openSpool = ({ folder, maxBytes, now, newId, onProblem, wait }: Deps): Spool => {
  const unsaved = makeLossMemory({ newId });
  const lose = (database: DatabaseSync, logId: string, reason: string, count: number) => {
    const at = now();
    storeLoss(database, { id: newId(at), logId, reason, count, since: at, until: at });
  };

  const file = openSpoolFile({
    folder,
    now,
    onProblem,
    ...(wait && { wait }),
    restore: (database, { events, losses, missing }) => {
      for (const event of events) insert(database, event);
      // Nobody knows any more which of them were read. Each keeps its own id, so it is still declared only once.
      for (const loss of losses) storeReadLoss(database, loss);
      for (const [logId, count] of missing) if (count > 0) lose(database, logId, lossReasons.corrupted, count);
    },
  });

  let state: State = { is: 'working' };
  const enter = (next: State) => {
    const isTold = state.is === 'failing' && next.is === 'failing' && state.problem === next.problem;
    state = next;
    if (next.is === 'failing' && !isTold) onProblem(next.problem);
  };

  /**
   * Runs `work` durably, together with the losses that waited for the disk. Returns undefined if the file does not exist, or the
   * transaction fails.
   */
  const attempt = <T>(
    work: (database: DatabaseSync) => T,
    { create, losesEvents = false }: { create: boolean; losesEvents?: boolean },
  ): T | undefined => {
    const wasImpatient = state.is === 'failing' && state.isImpatient;
    const patienceMs = losesEvents && !wasImpatient ? patience.eventMs : patience.lookMs;
    try {
      const result = file.transaction(
        (database) => {
          unsaved.store(database);
          return work(database);
        },
        { create: create || !unsaved.isEmpty(), patienceMs },
      );
      if (result !== undefined) unsaved.clear();
      enter({ is: 'working' });
      return result;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const problem = `the spool in ${folder} does not work: ${why}`;
      enter({ is: 'failing', problem, isImpatient: wasImpatient || losesEvents });
      return undefined;
    }
  };

  return {
    add: (events) => {
      const stored = attempt(
        (database) => {
          let free = maxBytes - bytesUsed(database);
          const refused = new Map<string, number>();
          for (const event of events) {
            const size = Buffer.byteLength(event.entry);
            if (size <= free) {
              insert(database, event);
              free -= size;
            } else refused.set(event.logId, (refused.get(event.logId) ?? 0) + 1);
          }
          for (const [logId, count] of refused) lose(database, logId, lossReasons.full, count);
          return events.length - sum(refused.values());
        },
        { create: true, losesEvents: true },
      );
      if (stored !== undefined) return events.length - stored;
      for (const { logId } of events) unsaved.add(logId, lossReasons.unavailable, 1, now());
      return events.length;
    },

    read: (logId, limit, after = 0) =>
      attempt(
        (database) =>
          database
            .prepare('SELECT id, log_id, transaction_id, entry FROM events WHERE log_id = ? AND id > ? ORDER BY id LIMIT ?')
            .all(logId, after, limit)
            .map((row) => ({
              id: Number(row.id),
              logId: String(row.log_id),
              transactionId: row.transaction_id === null ? null : String(row.transaction_id),
              entry: String(row.entry),
            })),
        { create: false },
      ) ?? [],

    remove: (ids) => {
      attempt(
        (database) =>
          database.prepare('DELETE FROM events WHERE id IN (SELECT value FROM json_each(?))').run(JSON.stringify(ids)),
        {
          create: false,
        },
      );
    },

    setAside: (logId, ids, reason) => {
      const given = JSON.stringify(ids);
      attempt(
        (database) => {
          const { changes } = database
            .prepare(
              `INSERT INTO set_aside (log_id, reason, at, entry)
               SELECT log_id, ?, ?, entry FROM events WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id`,
            )
            .run(reason, now().toISOString(), given);
          database.prepare('DELETE FROM events WHERE id IN (SELECT value FROM json_each(?))').run(given);
          database.prepare('DELETE FROM set_aside WHERE id <= (SELECT max(id) FROM set_aside) - ?').run(keptAside);
          // Another process may have given them up already.
          if (changes > 0) lose(database, logId, reason, Number(changes));
        },
        { create: false },
      );
    },

    addLoss: (logId, reason, count) => {
      const stored = attempt(
        (database) => {
          lose(database, logId, reason, count);
          return true;
        },
        { create: true },
      );
      if (!stored) unsaved.add(logId, reason, count, now());
    },

    losses: (logId) => {
      const stored = attempt(
        (database) => {
          database.prepare('UPDATE losses SET was_read = 1 WHERE log_id = ? AND was_read = 0').run(logId);
          return database
            .prepare('SELECT id, log_id, reason, count, since, until FROM losses WHERE log_id = ? ORDER BY rowid')
            .all(logId)
            .map(toLoss);
        },
        { create: false },
      );
      return [...(stored ?? []), ...unsaved.read(logId)];
    },

    removeLosses: (declared) => {
      const ids = declared.map(({ id }) => id);
      unsaved.remove(new Set(ids));
      attempt(
        (database) =>
          database.prepare('DELETE FROM losses WHERE id IN (SELECT value FROM json_each(?))').run(JSON.stringify(ids)),
        {
          create: false,
        },
      );
    },

    counts: () => {
      const stored = attempt(
        (database) =>
          database
            .prepare(
              'SELECT (SELECT coalesce(sum(events), 0) FROM usage) AS spooled, (SELECT coalesce(sum(count), 0) FROM losses) AS lost',
            )
            .get(),
        { create: false },
      );
      return { spooled: Number(stored?.spooled ?? 0), lost: Number(stored?.lost ?? 0) + unsaved.count() };
    },

    close: file.close,
  };
};

const keptAside = 1000;

const insert = (database: DatabaseSync, { logId, transactionId, entry }: SpooledEvent): void => {
  database.prepare('INSERT INTO events (log_id, transaction_id, entry) VALUES (?, ?, ?)').run(logId, transactionId, entry);
};

const bytesUsed = (database: DatabaseSync): number =>
  Number(database.prepare('SELECT coalesce(sum(bytes), 0) AS bytes FROM usage').get()?.bytes);

const sum = (counts: Iterable<number>): number => [...counts].reduce((total, count) => total + count, 0);
