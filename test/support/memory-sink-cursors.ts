import type { SinkCursors } from '../../src/audit/ports/event-sink.ts';

type Row = { position: number; lastError: string | null; holder: string | null; leaseUntilMs: number };

/** SinkCursors in memory, by the given clock. `broken` names the calls that fail, as if the database were unavailable. */
export const makeMemorySinkCursors = ({ nowMs = Date.now }: { nowMs?: () => number } = {}) => {
  const rows = new Map<string, Row>();
  const broken = new Set<keyof SinkCursors>();
  const check = (call: keyof SinkCursors) => {
    if (broken.has(call)) throw new Error(`the database does not ${call}`);
  };
  const heldBy = (name: string, holder: string): Row | null => {
    const row = rows.get(name);
    return row?.holder === holder ? row : null;
  };

  const cursors: SinkCursors = {
    read: async (name) => {
      check('read');
      return rows.get(name)?.position ?? 0;
    },
    acquire: async (name, holder, leaseMs) => {
      check('acquire');
      const row = rows.get(name) ?? { position: 0, lastError: null, holder: null, leaseUntilMs: 0 };
      rows.set(name, row);
      const held = row.holder === null || row.holder === holder || row.leaseUntilMs <= nowMs();
      if (held) Object.assign(row, { holder, leaseUntilMs: nowMs() + leaseMs });
      return { held, position: row.position };
    },
    renew: async (name, holder, leaseMs) => {
      check('renew');
      const row = heldBy(name, holder);
      if (row) row.leaseUntilMs = nowMs() + leaseMs;
      return row !== null;
    },
    save: async (name, holder, position) => {
      check('save');
      const row = heldBy(name, holder);
      if (row) Object.assign(row, { position: Math.max(row.position, position), lastError: null });
      return row !== null;
    },
    saveError: async (name, holder, error) => {
      check('saveError');
      const row = heldBy(name, holder);
      if (row) row.lastError = error;
    },
    release: async (name, holder) => {
      check('release');
      const row = heldBy(name, holder);
      if (row) Object.assign(row, { holder: null, leaseUntilMs: 0 });
    },
  };
  return { ...cursors, broken, lastError: (name: string) => rows.get(name)?.lastError ?? null };
};
export type MemorySinkCursors = ReturnType<typeof makeMemorySinkCursors>;
