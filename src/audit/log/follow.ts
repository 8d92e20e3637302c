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
  /** Tells whether an error means that the database is unavailable. */
  toUnavailable: ToUnavailable;
  /** Waits until one more of many events can be handled. */
  takeTurn: () => Promise<void>;
  /** How long to wait before reading again, if the database is unavailable. */
  pauseMs?: number;
};

const pageSize = 200;
/** How many bytes a page holds, unless a single entry is larger. */
const pageBytes = 256 * 1024;
/** How many bytes the pages of all followers hold together: if many followers have missed events, each page is smaller. */
const allPagesBytes = 32 * 1024 * 1024;

/**
 * Follows the log's matching entries in order of position, without gaps or duplicates: first what was missed, then live events. A
 * follower holds a cursor and at most one page. Its consumer sets the pace and slows no other. Await the call before you confirm
 * a subscription, because "from now on" starts there.
 */
export const makeFollow = ({ log, tail, toUnavailable, takeTurn, pauseMs = retryAfterMs }: Deps): Follow => {
  /** How many followers hold or read a page of entries that have left the ring. */
  let behind = 0;

  /**
   * Reads a page of entries that have left the ring. The database filters, so the cursor also moves past entries that do not
   * match.
   */
  const readMissed = async (cursor: number, filter: AuditEventFilter) => {
    const head = tail.head();
    const most = { limit: pageSize, maxBytes: Math.max(1, Math.min(pageBytes, Math.floor(allPagesBytes / behind))) };
    const page = await log.list(filter, { after: cursor, before: head + 1, ...most, inverted: false });
    return { page, upTo: isFullPage(page, most) ? (page.at(-1)?.position ?? head) : head };
  };

  /**
   * The same, but waits for as long as the database is unavailable, or too many others read, so that an open subscription
   * survives that.
   */
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
    // Once the follower has caught up, events go out at once. Before that, each missed event waits for its turn.
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
    // The tail may not yet have read everything that was in the log before this call.
    const start =
      after ??
      (await log.size().catch((error) => {
        leave();
        throw error;
      }));
    const ended = new AbortController();
    const entries = read(start, filter, AbortSignal.any([ended.signal, tail.stopped]));

    // A generator that waits inside `next` does not notice `return` until the next event, so the signal ends the wait.
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
