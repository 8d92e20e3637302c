/** Bytes of answers that a caller has not taken yet, over all of its connections, and those of a process. */
export type UnreadLimits = {
  callerBytes: number;
  processBytes: number;
  /** Answers that go on until their reader leaves (server-sent events). */
  callerStreams: number;
  processStreams: number;
  /** A stream's next event is made when less than this waits. */
  streamBytes: number;
  /** A connection with less than this is not cut off, however much others have. */
  spareBytes: number;
};

const mebibyte = 2 ** 20;

export const unreadLimits: UnreadLimits = {
  callerBytes: 64 * mebibyte,
  processBytes: 256 * mebibyte,
  callerStreams: 1000,
  processStreams: 2000,
  streamBytes: mebibyte,
  spareBytes: 64 * 1024,
};

/** One connection's answers, as far as they wait for their reader. What refuses says so in a sentence; null: it may go on. */
export type UnreadAnswer = {
  /** Counts for a caller from now on. Refuses who has too much waiting already. */
  belongsTo(caller: string): string | null;
  /** Counts an answer that is about to be written; `always`: also where that is too much. */
  hold(bytes: number, options?: { always: boolean }): string | null;
  /** Counts as one that goes on, until it is closed. */
  stream(): string | null;
  wrote(bytes: number): void;
  drained(bytes: number): void;
  /** Resolves when little waits, or nobody is there any more. */
  ready(): Promise<void>;
  close(): void;
};

export type UnreadAnswers = ReturnType<typeof makeUnreadAnswers>;

/**
 * Counts what has been made for readers and not been taken by them: that is memory, and theirs is the pace. A connection that is
 * opened with `cut` cannot be refused anything: of those, the one that holds the most is cut off when there is too much.
 */
export const makeUnreadAnswers = (limits: UnreadLimits = unreadLimits) => {
  const bytes = makeCount();
  const streams = makeCount();

  const refusalOf = (caller: string | null, more: number): string | null =>
    tooMany('bytes of answers that nobody has read', bytes.of(caller) + more, limits.callerBytes, 'a caller') ??
    tooMany('bytes of answers that nobody has read', bytes.ofCallers() + more, limits.processBytes, 'a process');

  /** Connections that may be cut off, each with its caller and what waits for it. */
  const cuttable = new Set<{ caller: () => string | null; waiting: () => number; cut: () => void }>();
  /** A reader whom nobody can refuse, because it was there first, loses its connection: the one that holds the most. */
  const makeRoomFor = (caller: string | null) => {
    if (!refusalOf(caller, 0)) return;
    const isAlone = bytes.of(caller) > limits.callerBytes;
    let most = { waiting: () => limits.spareBytes, cut: () => {} };
    for (const one of cuttable) {
      if (isAlone && one.caller() !== caller) continue;
      if (one.waiting() > most.waiting()) most = one;
    }
    most.cut();
  };

  const open = (cut?: () => void): UnreadAnswer => {
    let caller: string | null = null;
    let held = 0;
    let waiting = 0;
    let isStream = false;
    let isClosed = false;
    let wake: (() => void) | null = null;
    const add = (more: number) => {
      if (isClosed) return false;
      bytes.add(caller, more);
      return true;
    };
    const settle = () => {
      if (held + waiting > limits.streamBytes && !isClosed) return;
      wake?.();
      wake = null;
    };
    const close = () => {
      if (!add(-held - waiting)) return;
      if (isStream) streams.add(caller, -1);
      isClosed = true;
      cuttable.delete(connection);
      settle();
    };
    const connection = {
      caller: () => caller,
      waiting: () => waiting,
      cut: () => {
        close();
        cut?.();
      },
    };
    if (cut) cuttable.add(connection);
    return {
      belongsTo: (to) => {
        add(-held - waiting);
        caller = to;
        add(held + waiting);
        return refusalOf(caller, 0);
      },
      hold: (more, { always } = { always: false }) => {
        const refusal = always ? null : refusalOf(caller, more);
        if (!refusal && add(more)) held += more;
        return refusal;
      },
      stream: () => {
        const refusal =
          tooMany('open streams', streams.of(caller) + 1, limits.callerStreams, 'a caller') ??
          tooMany('open streams', streams.all() + 1, limits.processStreams, 'a process');
        if (refusal || isStream || isClosed) return refusal;
        isStream = true;
        streams.add(caller, 1);
        return null;
      },
      wrote: (more) => {
        const announced = Math.min(held, more);
        if (!add(more - announced)) return;
        held -= announced;
        waiting += more;
        if (cut) makeRoomFor(caller);
      },
      drained: (less) => {
        if (!add(-less)) return;
        waiting -= less;
        settle();
      },
      ready: () =>
        held + waiting <= limits.streamBytes || isClosed
          ? Promise.resolve()
          : new Promise((resolve) => {
              wake = resolve;
            }),
      close,
    };
  };
  return { open, bytes: bytes.all, streams: streams.all };
};

/** A number for each caller, and in all. What strangers leave unread, such as a page, must not refuse callers: it counts apart. */
const makeCount = () => {
  const byCaller = new Map<string, number>();
  let ofCallers = 0;
  let ofStrangers = 0;
  const of = (caller: string | null) => (caller === null ? 0 : (byCaller.get(caller) ?? 0));
  return {
    of,
    ofCallers: () => ofCallers,
    all: () => ofCallers + ofStrangers,
    add: (caller: string | null, more: number) => {
      if (caller === null) {
        ofStrangers += more;
        return;
      }
      ofCallers += more;
      const sum = of(caller) + more;
      if (sum === 0) byCaller.delete(caller);
      else byCaller.set(caller, sum);
    },
  };
};

const number = new Intl.NumberFormat('en');

const tooMany = (what: string, count: number, most: number, whose: string): string | null =>
  count <= most
    ? null
    : `${whose === 'a caller' ? 'You have' : 'This process has'} ${number.format(count)} ${what}, but ${whose} can have at most ${number.format(most)}: read your answers, close the connections that you do not read, and try again`;
