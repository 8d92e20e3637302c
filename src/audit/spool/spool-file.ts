import { renameSync, statSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { makePrivateFolder } from '../../process/private-folder.ts';
import { isSqliteError, SQLITE_BUSY, SQLITE_CORRUPT, SQLITE_NOTADB } from '../../process/sqlite-errors.ts';
import { type Salvaged, salvage } from './spool-salvage.ts';

type Deps = {
  folder: string;
  now: () => Date;
  /** Called with a sentence about any trouble with the file. */
  onProblem: (message: string) => void;
  /** Stores what was saved from a corrupted file, within the transaction that follows. */
  restore: (database: DatabaseSync, salvaged: Salvaged) => void;
  wait?: Wait;
};

/** How this process waits while another process holds the file. Its event loop stands still meanwhile. */
export type Wait = { nowMs(): number; pause(ms: number): void };
const realWait: Wait = { nowMs: () => performance.now(), pause: (ms) => void Atomics.wait(sleeper, 0, 0, ms) };
const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** `patienceMs`: how long to wait for other processes that write. */
type Options = { create: boolean; patienceMs: number };

/** The spool's file. It is opened when it is first needed. */
export type SpoolFile = {
  /**
   * Runs `work` in one transaction, which is on disk when this returns. With `create: false`, returns undefined if the file does
   * not exist, and creates nothing. A corrupted file is moved aside, and `work` runs on a fresh one. Throws any other error.
   */
  transaction<T>(work: (database: DatabaseSync) => T, options: Options): T | undefined;
  close(): void;
};

/**
 * This process's connection to the file.
 *
 * | state    | meaning                                | next state                                                          |
 * | -------- | -------------------------------------- | ------------------------------------------------------------------- |
 * | `closed` | none                                   | `open`: a transaction finds the file, or creates it                 |
 * | `open`   | a connection to the file of that inode | `closed`: another process has moved the file aside, a transaction   |
 * |          |                                        | failed (whatever state that left the connection in), or `close`     |
 *
 * A corrupted file is moved aside, whether that shows on opening or later, and the transaction runs on a fresh one.
 */
type State = { is: 'closed' } | { is: 'open'; database: DatabaseSync; inode: number };

/** Opens `spool.sqlite` in a folder. */
export const openSpoolFile = ({ folder, now, onProblem, restore, wait = realWait }: Deps): SpoolFile => {
  const file = path.join(folder, 'spool.sqlite');
  let state: State = { is: 'closed' };

  const enter = (next: State) => {
    const left = state;
    state = next;
    if (left.is === 'open' && left.database.isOpen) left.database.close();
  };
  const close = () => enter({ is: 'closed' });

  const connect = (create: boolean, deadlineMs: number): DatabaseSync | null => {
    const inode = inodeOf(file);
    // Another process has moved the file aside: what this one wrote into it now, nobody would see.
    if (state.is === 'open' && state.inode !== inode) close();
    if (state.is === 'open') return state.database;
    if (inode === null) {
      if (!create) return null;
      makePrivateFolder(folder);
    }
    const database = new DatabaseSync(file, { timeout: 0 });
    try {
      waitForTurn(wait, deadlineMs, () => {
        // FULL with a truncated journal fsyncs the journal and the file at commit, and the folder when the journal is created.
        // Not WAL: it needs shared memory, which network file systems lack, and adds two files to move when one is corrupted.
        database.exec('PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = FULL');
        database.exec('BEGIN EXCLUSIVE');
      });
      database.exec(SCHEMA);
      // Ids are never reused, not even in a file that replaces another, because a reader may still hold ids of the old one.
      database
        .prepare('INSERT OR IGNORE INTO sqlite_sequence (rowid, name, seq) VALUES (1, ?, ?)')
        .run('events', now().getTime() * 1_000);
      database.exec('COMMIT');
      enter({ is: 'open', database, inode: inodeOf(file) ?? 0 });
      return database;
    } catch (error) {
      database.close();
      throw error;
    }
  };

  const run = <T>(work: (database: DatabaseSync) => T, { create, patienceMs }: Options): T | undefined => {
    const deadlineMs = wait.nowMs() + patienceMs;
    const database = connect(create, deadlineMs);
    if (!database) return undefined;
    try {
      // EXCLUSIVE, so that the commit waits for nobody.
      waitForTurn(wait, deadlineMs, () => database.exec('BEGIN EXCLUSIVE'));
      const result = work(database);
      database.exec('COMMIT');
      return result;
    } catch (error) {
      // Closing rolls back.
      close();
      throw error;
    }
  };

  return {
    transaction: (work, options) => {
      const inode = inodeOf(file);
      try {
        return run(work, options);
      } catch (error) {
        if (!isSqliteError(error, SQLITE_CORRUPT, SQLITE_NOTADB) || inode === null) throw error;
        const salvaged = salvage(file);
        const aside = moveAside({ file, inode, at: now() });
        if (aside)
          onProblem(
            `the spool ${file} was corrupted (${error.message}) and is now ${aside}; ${salvaged.events.length} events were saved from it`,
          );
        return run(
          (database) => {
            if (aside) restore(database, salvaged);
            return work(database);
          },
          { create: true, patienceMs: options.patienceMs },
        );
      }
    },
    close,
  };
};

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY AUTOINCREMENT, log_id TEXT NOT NULL, transaction_id TEXT, entry TEXT NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS events_log ON events (log_id, id);
  CREATE TABLE IF NOT EXISTS usage (log_id TEXT PRIMARY KEY, events INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS losses (
    id TEXT PRIMARY KEY, log_id TEXT NOT NULL, reason TEXT NOT NULL, count INTEGER NOT NULL,
    since INTEGER NOT NULL, until INTEGER NOT NULL, was_read INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE UNIQUE INDEX IF NOT EXISTS losses_unread ON losses (log_id, reason) WHERE was_read = 0;
  CREATE TABLE IF NOT EXISTS lost_events (loss_id TEXT NOT NULL, event_id TEXT NOT NULL, event_type TEXT NOT NULL) STRICT;
  CREATE TRIGGER IF NOT EXISTS losses_removed AFTER DELETE ON losses BEGIN
    DELETE FROM lost_events WHERE loss_id = old.id;
  END;
  CREATE TRIGGER IF NOT EXISTS events_added AFTER INSERT ON events BEGIN
    INSERT INTO usage VALUES (new.log_id, 1, octet_length(new.entry))
      ON CONFLICT DO UPDATE SET events = events + 1, bytes = bytes + excluded.bytes;
  END;
  CREATE TRIGGER IF NOT EXISTS events_removed AFTER DELETE ON events BEGIN
    UPDATE usage SET events = events - 1, bytes = bytes - octet_length(old.entry) WHERE log_id = old.log_id;
  END;
`;

/**
 * Repeats `begin` while the file is locked, until the deadline. SQLite's own waits grow to 100 ms each: beside processes that
 * write all the time, it rarely hits the moment between two of their transactions, and gives up.
 */
const waitForTurn = (wait: Wait, deadlineMs: number, begin: () => void): void => {
  for (let attempt = 1; ; attempt++) {
    try {
      begin();
      return;
    } catch (error) {
      if (!isSqliteError(error, SQLITE_BUSY) || wait.nowMs() >= deadlineMs) throw error;
      // Pauses of different lengths, up to a millisecond, so that processes do not collide again and again.
      wait.pause((attempt * 0.618) % 1);
    }
  }
};

const inodeOf = (file: string): number | null => statSync(file, { throwIfNoEntry: false })?.ino ?? null;

/** Renames a corrupted file. Returns its new name, or null if another process has already moved it. */
const moveAside = ({ file, inode, at }: { file: string; inode: number; at: Date }): string | null => {
  if (inodeOf(file) !== inode) return null;
  const aside = `${file}.corrupt-${at.toISOString().replaceAll(':', '-')}`;
  renameSync(file, aside);
  return aside;
};
