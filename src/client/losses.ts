/** Events of one kind that will not reach the log. The instants are when they happened in the application, in ms since 1970. */
export type Loss = { id: string; reason: string; count: number; sinceMs: number; untilMs: number };

/**
 * Counts lost events until the log has been told. Once a loss has been taken, neither its count nor its id changes, so that it
 * can be sent again; later lost events become another loss.
 */
export const makeLosses = ({ newId }: { newId: () => string }) => {
  const open = new Map<string, Loss>();
  let held: { loss: Loss; notBeforeMs: number }[] = [];
  return {
    add: (reason: string, count: number, atMs: number): void => {
      const same = open.get(reason);
      if (!same) open.set(reason, { id: newId(), reason, count, sinceMs: atMs, untilMs: atMs });
      else {
        same.count += count;
        same.sinceMs = Math.min(same.sinceMs, atMs);
        same.untilMs = Math.max(same.untilMs, atMs);
      }
    },
    /** Hands over the losses that can be declared now. */
    take: (nowMs: number): Loss[] => {
      const due = held.filter(({ notBeforeMs }) => notBeforeMs <= nowMs).map(({ loss }) => loss);
      held = held.filter(({ notBeforeMs }) => notBeforeMs > nowMs);
      const taken = [...due, ...open.values()];
      open.clear();
      return taken;
    },
    /** Keeps a loss that the API refused: it must be neither forgotten nor in the way of everything else. */
    hold: (loss: Loss, notBeforeMs: number): void => {
      held.push({ loss, notBeforeMs });
    },
    /** How long until a loss can be declared, 0 or more; null if there is none. */
    dueInMs: (nowMs: number): number | null => {
      if (open.size > 0) return 0;
      return held.length > 0 ? Math.max(0, Math.min(...held.map(({ notBeforeMs }) => notBeforeMs)) - nowMs) : null;
    },
    /** How many events are lost and not declared, except those that were taken. */
    count: (): number => [...open.values(), ...held.map(({ loss }) => loss)].reduce((sum, { count }) => sum + count, 0),
    clear: (): void => {
      open.clear();
      held = [];
    },
  };
};

/** The API accepts no earlier events. */
export const earliestMs = Date.parse('2000-01-01T00:00:00Z');

/**
 * The event that declares a loss, as it is sent at `nowMs`. A wrong clock must not keep it out of the log, so it has no instant
 * of its own, and the others are moved into the range that the API accepts.
 */
export const toLossEvent = ({ id, reason, count, sinceMs, untilMs }: Loss, nowMs: number): string => {
  const [since, until] = [sinceMs, untilMs].map((ms) => new Date(Math.max(Math.min(ms, nowMs), earliestMs)).toISOString());
  return JSON.stringify({ id, type: 'audit.loss', details: { count, reason, since, until } });
};
