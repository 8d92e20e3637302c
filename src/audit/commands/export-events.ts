import { type LogEntry, sizeOf, toWire } from '../model/audit-event.ts';
import type { AuditEventFilter } from '../model/audit-filter.ts';
import type { AuditLog } from '../ports/audit-log.ts';

export type ExportEvents = {
  filter: AuditEventFilter;
  /** Whether to export from the end of the log to its start. */
  newestFirst: boolean;
  /** Continue after this position, in the order of the export. */
  after?: number;
  /** Export at most this many events. */
  limit?: number;
};

/** How far an export has come. */
export type ExportProgress = {
  events: number;
  /** Positions of the first and the last event so far. */
  first: number | null;
  last: number | null;
  /** The share of the requested events that has been read, from 0 to 1. */
  share: number;
};

const pageSize = { first: 100, max: 1000, min: 10 } as const;
/** About how many characters of entries a page should hold: entries can be large, and memory must stay small. */
const pageWeight = 4 * 1024 * 1024;

/**
 * Exports events as lines of JSON, in pages; each line is what the sinks write (`toWire`). It exports what was in the log at the
 * start, so that it ends even if new events keep coming. `onProgress` is called for a page when the next one is asked for,
 * because the page has been taken by then.
 */
export const makeExportEvents = ({ log }: { log: Pick<AuditLog, 'list' | 'size'> }) =>
  async function* exportEvents(
    { filter, newestFirst, after, limit = Number.MAX_SAFE_INTEGER }: ExportEvents,
    { onProgress, signal }: { onProgress: (progress: ExportProgress) => void; signal: AbortSignal },
  ): AsyncGenerator<string, void, undefined> {
    const size = await log.size();
    const start = newestFirst ? Math.min(after ?? size + 1, size + 1) : Math.min(after ?? 0, size);
    const end = newestFirst ? 0 : size + 1;
    let progress: ExportProgress = { events: 0, first: null, last: null, share: 0 };
    let position = start;
    let pageLimit: number = pageSize.first;
    while (!signal.aborted && progress.events < limit) {
      const wanted = Math.min(pageLimit, limit - progress.events);
      const slice = newestFirst ? { before: position } : { after: position, before: end };
      const entries = await log.list(filter, { ...slice, limit: wanted, inverted: newestFirst });
      const last = entries.at(-1);
      if (!last) break;
      position = last.position;
      progress = {
        events: progress.events + entries.length,
        first: progress.first ?? entries[0]?.position ?? null,
        last: position,
        share: Math.max((position - start) / (end - start), (progress.events + entries.length) / limit),
      };
      pageLimit = nextPageSize(entries);
      yield toLines(entries);
      onProgress(progress);
      if (entries.length < wanted) break;
    }
  };

const toLines = (entries: readonly LogEntry[]): string => entries.map((entry) => `${JSON.stringify(toWire(entry))}\n`).join('');

/** How many entries like these make a page of `pageWeight`. */
const nextPageSize = (entries: readonly LogEntry[]): number => {
  const weight = entries.reduce((sum, entry) => sum + sizeOf(entry), 0);
  return Math.min(Math.max(Math.floor((pageWeight * entries.length) / weight), pageSize.min), pageSize.max);
};
