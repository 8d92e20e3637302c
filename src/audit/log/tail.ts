import type { Logger } from 'pino';
import { makeLoop } from '../../kernel/loop.ts';
import { type LogEntry, sizeOf } from '../model/audit-event.ts';
import type { AuditLog } from '../ports/audit-log.ts';
import type { Bus } from '../ports/bus.ts';
import { isFullPage } from './full-page.ts';

type Deps = {
  log: Pick<AuditLog, 'size' | 'readAfter'>;
  bus: Pick<Bus, 'on'>;
  logger: Pick<Logger, 'error'>;
  /**
   * How many entries, and characters of their text, the ring holds. A follower that needs older entries reads them from the
   * database.
   */
  maxEntries?: number;
  maxCharacters?: number;
};

const pageSize = 500;
/** How many bytes a page holds. */
const pageBytes = 1024 * 1024;
const pollMs = 1000;

/** The newest entries of the log, which a process reads once for all its subscribers. */
export type Tail = {
  /** Joins the tail, which reads while at least one follower has joined. Resolves once `head()` is current. */
  join(): Promise<{ leave(): void }>;
  /** The position up to which the tail has read. */
  head(): number;
  /** At most `limit` entries after a position, or null if the ring no longer reaches back that far. */
  after(position: number, limit: number): readonly LogEntry[] | null;
  /** Calls back once, when `head()` is beyond a position; at once if it already is. Returns the function that cancels this. */
  onceBeyond(position: number, callback: () => void): () => void;
  /** Aborts when the tail stops, after which no more entries come. */
  stopped: AbortSignal;
  stop(): Promise<void>;
};

export const makeTail = ({ log, bus, logger, maxEntries = 4096, maxCharacters = 16 * 1024 * 1024 }: Deps): Tail => {
  let ring: LogEntry[] = [];
  let head = 0;
  let joined = 0;
  /** Counts the fresh starts. A read that began before the latest one must not fill the ring. */
  let era = 0;
  let ready: Promise<void> | null = null;
  const waiting = new Set<{ position: number; callback: () => void }>();
  const stopping = new AbortController();

  const advance = async () => {
    if (joined === 0) return false;
    const readIn = era;
    const entries = await log.readAfter(head, pageSize, pageBytes);
    const last = entries.at(-1);
    if (!last || era !== readIn) return false;
    // What was read before may show a person who is erased. These entries were read afterwards.
    const kept = entries.some(({ event }) => event.eventType === 'person.erased') ? [] : ring;
    ring = latest(kept.concat(entries), { maxEntries, maxCharacters });
    head = last.position;
    for (const waiter of waiting) {
      if (head <= waiter.position) continue;
      waiting.delete(waiter);
      waiter.callback();
    }
    return isFullPage(entries, { limit: pageSize, maxBytes: pageBytes });
  };
  const loop = makeLoop({
    work: advance,
    pollMs,
    onError: (error) => {
      logger.error({ err: error }, 'the live tail could not read the log; it tries again');
      return undefined;
    },
  });
  const forget = bus.on('log', loop.wake);
  loop.start();

  return {
    join: async () => {
      joined += 1;
      // The tail did not read while nobody had joined, so the ring starts again at the log's end.
      if (joined === 1) {
        ready = log.size().then((size) => {
          era += 1;
          ring = [];
          head = size;
          loop.wake();
        });
      }
      let left = false;
      const leave = () => {
        if (left) return;
        left = true;
        joined -= 1;
        if (joined === 0) ring = [];
      };
      await Promise.resolve(ready).catch((error) => {
        leave();
        throw error;
      });
      return { leave };
    },
    head: () => head,
    after: (position, limit) => {
      const oldest = ring[0]?.position ?? head + 1;
      if (position < oldest - 1) return null;
      const start = position - oldest + 1;
      return ring.slice(start, start + limit);
    },
    onceBeyond: (position, callback) => {
      if (head > position) {
        callback();
        return () => {};
      }
      const waiter = { position, callback };
      waiting.add(waiter);
      return () => waiting.delete(waiter);
    },
    stopped: stopping.signal,
    stop: async () => {
      stopping.abort();
      forget();
      await loop.stop();
    },
  };
};

/** The newest entries, as many as fit. */
const latest = (
  entries: LogEntry[],
  { maxEntries, maxCharacters }: { maxEntries: number; maxCharacters: number },
): LogEntry[] => {
  let start = entries.length;
  let characters = 0;
  while (start > 0 && entries.length - start < maxEntries) {
    const entry = entries[start - 1];
    characters += entry ? sizeOf(entry) : 0;
    if (characters > maxCharacters) break;
    start -= 1;
  }
  return entries.slice(start);
};
