/** How many more items came in a window than were reported one by one. */
export type More = { count: number; since: Date; until: Date };

type Deps<Item> = {
  now: () => Date;
  /** How many items of one key are reported one by one in each window. Further ones are counted. */
  atOnce: number;
  windowMs: number;
  /** How many keys are kept at a time. Beyond that, the oldest window ends early. */
  maxKeys: number;
  report: (item: Item) => void;
  /** Reports the rest when a window is over: the latest item, and how many more there were. */
  reportMore: (latest: Item, more: More) => void;
};

type Window<Item> = { startedAt: Date; reported: number; more: (More & { latest: Item }) | null };

/**
 * Reports items that can come too often to be reported one by one: for each key the first few in a window at once, and at the
 * end of the window how many more there were. It has no timer: call `sweep` now and then, and `flush` at the end.
 */
export const makeThrottle = <Item>({ now, atOnce, windowMs, maxKeys, report, reportMore }: Deps<Item>) => {
  // In the order in which they began, so that expired windows come first.
  const windows = new Map<string, Window<Item>>();

  const end = (key: string, { more }: Window<Item>) => {
    windows.delete(key);
    if (!more) return;
    const { latest, ...rest } = more;
    reportMore(latest, rest);
  };
  const isOver = ({ startedAt }: Window<Item>, at: Date) => Math.abs(at.getTime() - startedAt.getTime()) >= windowMs;
  const begin = (key: string, at: Date): Window<Item> => {
    const [oldest] = windows;
    if (windows.size >= maxKeys && oldest) end(...oldest);
    const window: Window<Item> = { startedAt: at, reported: 0, more: null };
    windows.set(key, window);
    return window;
  };

  return {
    note: (key: string, item: Item): void => {
      const at = now();
      const known = windows.get(key);
      if (known && isOver(known, at)) end(key, known);
      const window = windows.get(key) ?? begin(key, at);
      if (window.reported < atOnce) {
        window.reported += 1;
        report(item);
      } else window.more = { latest: item, count: (window.more?.count ?? 0) + 1, since: window.more?.since ?? at, until: at };
    },
    sweep: (): void => {
      const at = now();
      for (const [key, window] of windows) {
        if (!isOver(window, at)) return;
        end(key, window);
      }
    },
    flush: (): void => {
      for (const [key, window] of windows) end(key, window);
    },
  };
};
