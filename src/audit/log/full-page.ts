import type { LogEntry } from '../model/audit-event.ts';

/** Whether a page holds as much as it can, so that there may be more after it. */
export const isFullPage = (entries: readonly LogEntry[], { limit, maxBytes }: { limit: number; maxBytes: number }): boolean =>
  entries.length >= limit ||
  entries.reduce((bytes, { entry, disclosures }) => bytes + Buffer.byteLength(entry) + Buffer.byteLength(disclosures), 0) >=
    maxBytes;
