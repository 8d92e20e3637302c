/** Where the client says what goes wrong: pino, or whatever has the same two methods. What they throw is ignored. */
export type AuditClientLogger = {
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
};

/** For services that have nothing but the console: a line of text. Events, and what a service says of them, may hold anything. */
export const consoleLogger: AuditClientLogger = {
  // biome-ignore lint/suspicious/noConsole: the console is what the application chose by giving no logger.
  warn: (fields, message) => console.warn(toLine(fields, message)),
  // biome-ignore lint/suspicious/noConsole: as above.
  error: (fields, message) => console.error(toLine(fields, message)),
};

/** JSON has C0 escaped already; a terminal also acts upon DEL, C1, and what turns the direction of text. */
const escapeControl = (control: string) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`;
const toLine = (fields: object, message: string): string =>
  `flagtrail: ${message} ${JSON.stringify(fields).replaceAll(/\p{Cc}|\p{Bidi_Control}/gu, escapeControl)}`;

type Deps = {
  /** Asked for each line: it changes when the client is configured. */
  logger: () => AuditClientLogger;
  /** What no line may contain; null where there is none. */
  secret: () => string | null;
  now: () => number;
};

const quietMs = 60_000;
const maxTextLength = 500;
const maxListLength = 5;
const cut = (_key: string, value: unknown): unknown => {
  if (typeof value === 'string') return value.slice(0, maxTextLength);
  return Array.isArray(value) ? value.slice(0, maxListLength) : value;
};

/** Lines that hold no secret, never throw, and do not come in floods. */
export const makeLog = ({ logger, secret, now }: Deps) => {
  const lastAtMs = new Map<string, { atMs: number; suppressed: number }>();

  const write = (level: 'warn' | 'error', fields: object, message: string): void => {
    try {
      const hidden = secret();
      const text = JSON.stringify(fields);
      // A token has no character that JSON would escape, so it is found wherever it is: whole, for nothing is cut before.
      logger()[level](JSON.parse(hidden ? text.replaceAll(hidden, '[token]') : text, cut), message);
    } catch {
      // A logger that is broken must not break its application.
    }
  };
  return {
    warn: (fields: object, message: string): void => write('warn', fields, message),
    error: (fields: object, message: string): void => write('error', fields, message),
    /** At most once a minute for each message, or `kind` of it; the next one says how many there were between. */
    warnSometimes: (fields: object, message: string, kind = message): void => {
      const last = lastAtMs.get(kind);
      if (last && now() - last.atMs < quietMs) {
        last.suppressed++;
        return;
      }
      lastAtMs.set(kind, { atMs: now(), suppressed: 0 });
      write('warn', { ...fields, ...(last && last.suppressed > 0 && { suppressed: last.suppressed }) }, message);
    },
  };
};
export type Log = ReturnType<typeof makeLog>;
