import { setImmediate as breathe, setTimeout as pause } from 'node:timers/promises';
import { retryAfterMs, type ToUnavailable } from '../../kernel/database-unavailable.ts';
import { OverShareError } from '../../kernel/limits/fair-queue.ts';
import type { LogEntry } from '../model/audit-event.ts';
import { type AuditEventFilter, matchesFilter } from '../model/audit-filter.ts';
import type { AuditLog } from '../ports/audit-log.ts';
import type { Follow } from '../ports/follow.ts';
import { isFullPage } from './full-page.ts';
import type { Tail } from './tail.ts';

type Deps = {
  log: Pick<AuditLog, 'size' | 'list'>;
  tail: Tail;
  /** Tells a database that is out of reach from other faults. */
  toUnavailable: ToUnavailable;
  /** Waits until one more of many events may be handled. */
  takeTurn: () => Promise<void>;
  /** How long it waits for a database that is gone, before it reads again. */
  pauseMs?: number;
};

const pageSize = 200;
/** Bytes of a page, or a single entry. */
const pageBytes = 256 * 1024;
/** What the pages of all followers together may hold: where many have missed something, each page is smaller. */
const allPagesBytes = 32 * 1024 * 1024;

/**
 * The log's entries that match, in position order, without gap or duplicate: first what was missed, then live. A follower
 * holds a cursor and at most one page; it is read at its consumer's pace and slows nobody else. Await the call before
 * telling anybody that the subscription stands: "from now on" starts there.
 */
export const makeFollow = ({ log, tail, toUnavailable, takeTurn, pauseMs = retryAfterMs }: Deps): Follow => {
  /** How many hold a page of what the ring has forgotten, or read one. */
  let behind = 0;

  /** A page of what the ring has forgotten. The database filters, so the cursor moves past what does not match. */
  const readMissed = async (cursor: number, filter: AuditEventFilter) => {
    const head = tail.head();
    const most = { limit: pageSize, maxBytes: Math.max(1, Math.min(pageBytes, Math.floor(allPagesBytes / behind))) };
    const page = await log.list(filter, { after: cursor, before: head + 1, ...most, inverted: false });
    return { page, upTo: isFullPage(page, most) ? (page.at(-1)?.position ?? head) : head };
  };

  /** The same, however long the database is gone, or others have too much to read: a subscription that stands outlives that. */
  const readMissedPatiently = async (cursor: number, filter: AuditEventFilter, stopped: AbortSignal) => {
    for (;;) {
      try {
        return await readMissed(cursor, filter);
      } catch (error) {
        if (!(error instanceof OverShareError) && !toUnavailable(error)) throw error;
        await pause(pauseMs, undefined, { signal: stopped }).catch(() => {});
        if (stopped.aborted) return { page: [], upTo: cursor };
      }
    }
  };

  const untilBeyond = (position: number, stopped: AbortSignal) =>
    new Promise<void>((resolve) => {
      const done = () => {
        callOff();
        stopped.removeEventListener('abort', done);
        resolve();
      };
      stopped.addEventListener('abort', done);
      const callOff = tail.onceBeyond(position, () => queueMicrotask(done));
      if (stopped.aborted) done();
    });

  const read = async function* (
    start: number,
    filter: AuditEventFilter,
    stopped: AbortSignal,
  ): AsyncGenerator<LogEntry, undefined> {
    let cursor = start;
    // What happens once it has caught up goes out at once; what it missed before waits for its turn.
    let hasCaughtUp = false;
    while (!stopped.aborted) {
      const recent = tail.after(cursor, pageSize);
      let upTo = cursor;
      if (!recent) {
        hasCaughtUp = false;
        behind += 1;
      }
      try {
        const missed = recent ? null : await readMissedPatiently(cursor, filter, stopped);
        const page = recent ?? missed?.page ?? [];
        upTo = missed?.upTo ?? page.at(-1)?.position ?? cursor;
        for (const entry of page) {
          if (stopped.aborted) return;
          if (!matchesFilter(entry.event, filter)) continue;
          if (!hasCaughtUp) await takeTurn();
          if (stopped.aborted) return;
          yield entry;
        }
      } finally {
        if (!recent) behind -= 1;
      }
      if (recent && recent.length < pageSize) hasCaughtUp = true;
      if (upTo === cursor) await untilBeyond(cursor, stopped);
      else await breathe();
      cursor = upTo;
    }
  };

  return async ({ filter, after }) => {
    const { leave } = await tail.join();
    // The tail may not have read all that was there before this call.
    const start =
      after ??
      (await log.size().catch((error) => {
        leave();
        throw error;
      }));
    const ended = new AbortController();
    const entries = read(start, filter, AbortSignal.any([ended.signal, tail.stopped]));

    // A generator that waits inside `next` would not hear `return` before the next event: the signal ends the wait.
    const end = () => {
      ended.abort();
      leave();
      return entries.return(undefined);
    };
    const next = async () => {
      try {
        return await entries.next();
      } catch (error) {
        leave();
        throw error;
      }
    };
    const iterator: AsyncIterableIterator<LogEntry, undefined> = {
      [Symbol.asyncIterator]: () => iterator,
      next,
      return: end,
      throw: end,
    };
    return iterator;
  };
};
