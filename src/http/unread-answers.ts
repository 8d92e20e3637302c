/** Limits on unread answers and open streams. */
export type UnreadLimits = {
  callerBytes: number;
  processBytes: number;
  /** Answers that stay open until their reader leaves (server-sent events). */
  callerStreams: number;
  processStreams: number;
  /** The next event of a stream is made once fewer unread bytes than this wait. */
  streamBytes: number;
  /** A connection with fewer unread bytes than this is never cut off, however many others have. */
  spareBytes: number;
};

/** After how long a caller with too many unread answers should try again. */
export const unreadRetryMs = 1000;

const mebibyte = 2 ** 20;

export const unreadLimits: UnreadLimits = {
  callerBytes: 64 * mebibyte,
  processBytes: 256 * mebibyte,
  callerStreams: 1000,
  processStreams: 2000,
  streamBytes: mebibyte,
  spareBytes: 64 * 1024,
};

/** Limits on what strangers leave unread of what they can read without a token. */
export const unreadByStrangers: UnreadLimits = { ...unreadLimits, callerBytes: 32 * mebibyte, processBytes: 64 * mebibyte };

/** The unread answers of one connection. Methods that can refuse return the reason as a sentence, or null if they accept. */
export type UnreadAnswer = {
  /** Counts towards a caller from now on. Refuses a caller with too many unread bytes. */
  belongsTo(caller: string): string | null;
  /** Counts an answer that is about to be written. With `always`, it never refuses. */
  hold(bytes: number, options?: { always: boolean }): string | null;
  /** Counts the answer as an open stream until it is closed. */
  stream(): string | null;
  wrote(bytes: number): void;
  drained(bytes: number): void;
  /** Resolves when few bytes are unread, or when the connection is closed. */
  ready(): Promise<void>;
  close(): void;
};

export type UnreadAnswers = ReturnType<typeof makeUnreadAnswers>;

/**
 * Counts the bytes that are written but that clients have not read yet. They take memory, and clients decide for how long.
 * A connection that is opened with `cut` cannot refuse answers. If there are too many bytes, the one of these connections that
 * holds the most is cut off instead.
 */
export const makeUnreadAnswers = (limits: UnreadLimits = unreadLimits) => {
  const bytes = makeCount();
  const streams = makeCount();

  const refusalOf = (caller: string | null, more: number): string | null =>
    tooMany('bytes of answers that nobody has read', bytes.of(caller) + more, limits.callerBytes, 'a caller') ??
    tooMany('bytes of answers that nobody has read', bytes.ofCallers() + more, limits.processBytes, 'a process');

  /** The connections that can be cut off, each with its caller and its unread bytes. */
  const cuttable = new Set<{ caller: () => string | null; waiting: () => number; cut: () => void }>();
  /** Cuts off the connection with the most unread bytes, if there are too many bytes: that of the caller, or of the process. */
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

/** A count for each caller, and in all. Strangers count separately, so that what they leave unread cannot block callers. */
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
