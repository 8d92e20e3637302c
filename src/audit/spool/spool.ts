import type { DatabaseSync } from 'node:sqlite';
import type { NewId } from '../../kernel/clock.ts';
import { nameOfEntry } from '../model/audit-loss.ts';
import { mostNamed, type Spool, type SpooledEvent } from '../ports/spool.ts';
import { type DeadLetter, makeDeadLetters } from './dead-letters.ts';
import { openSpoolFile, type Wait } from './spool-file.ts';
import { lossColumns, lossReasons, makeLossMemory, type NewLoss, storeLoss, storeReadLoss, toLoss } from './spool-losses.ts';

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
  const deadLetters = makeDeadLetters({ folder, maxBytes: maxDeadLetterBytes, onProblem });
  const lose = (database: DatabaseSync, loss: NewLoss) => {
    const at = now();
    storeLoss(database, { ...loss, id: newId(at), since: at, until: at });
  };
  /** Within a transaction, so that no other process writes dead letters meanwhile. */
  const bury = (logId: string, reason: string, events: readonly Pick<DeadLetter, 'id' | 'eventType' | 'event'>[]) =>
    deadLetters.add(events.map(({ id, eventType, event }) => ({ at: now().toISOString(), reason, id, eventType, logId, event })));

  const file = openSpoolFile({
    folder,
    now,
    onProblem,
    ...(wait && { wait }),
    restore: (database, { events, losses, missing }) => {
      for (const event of events) insert(database, event);
      // Nobody knows any more which of them were read. Each keeps its own id, so it is still declared only once.
      for (const loss of losses) storeReadLoss(database, loss);
      for (const [logId, count] of missing)
        if (count > 0) lose(database, { logId, reason: lossReasons.corrupted, count, events: [] });
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
          for (const [logId, count] of refused) lose(database, { logId, reason: lossReasons.full, count, events: [] });
          return events.length - sum(refused.values());
        },
        { create: true, losesEvents: true },
      );
      if (stored !== undefined) return events.length - stored;
      for (const { logId } of events) unsaved.add({ logId, reason: lossReasons.unavailable, count: 1, events: [] }, now());
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

    giveUp: (logId, ids, reason) => {
      const given = JSON.stringify(ids);
      attempt(
        (database) => {
          const events = database
            .prepare('SELECT entry FROM events WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id')
            .all(given)
            .map(({ entry }) => ({ ...nameOfEntry(String(entry)), event: String(entry) }));
          // Another process may have given them up already.
          if (events.length === 0) return;
          bury(logId, reason, events);
          database.prepare('DELETE FROM events WHERE id IN (SELECT value FROM json_each(?))').run(given);
          lose(database, { logId, reason, count: events.length, events: events.slice(0, mostNamed) });
        },
        { create: false },
      );
    },

    refuse: (logId, { entry, ...name }, reason) => {
      const loss = { logId, reason, count: 1, events: [name] };
      const stored = attempt(
        (database) => {
          if (entry !== null) bury(logId, reason, [{ ...name, event: entry }]);
          lose(database, loss);
          return true;
        },
        { create: true },
      );
      if (!stored) unsaved.add(loss, now());
    },

    losses: (logId) => {
      const stored = attempt(
        (database) => {
          database.prepare('UPDATE losses SET was_read = 1 WHERE log_id = ? AND was_read = 0').run(logId);
          return database.prepare(`SELECT ${lossColumns} FROM losses WHERE log_id = ? ORDER BY rowid`).all(logId).map(toLoss);
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

    deadLetters: deadLetters.count,

    close: file.close,
  };
};

/** Each of the two files of dead letters. */
const maxDeadLetterBytes = 8 * 1024 * 1024;

const insert = (database: DatabaseSync, { logId, transactionId, entry }: SpooledEvent): void => {
  database.prepare('INSERT INTO events (log_id, transaction_id, entry) VALUES (?, ?, ?)').run(logId, transactionId, entry);
};

const bytesUsed = (database: DatabaseSync): number =>
  Number(database.prepare('SELECT coalesce(sum(bytes), 0) AS bytes FROM usage').get()?.bytes);

const sum = (counts: Iterable<number>): number => [...counts].reduce((total, count) => total + count, 0);
