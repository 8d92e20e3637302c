/** Where the client reports problems: pino, or any object with these two methods. What they throw is ignored. */
export type AuditClientLogger = {
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
};

/**
 * For services without a logger: writes lines of text to the console. Control characters are escaped, because events, and the
 * API's answers about them, can contain anything.
 */
export const consoleLogger: AuditClientLogger = {
  // biome-ignore lint/suspicious/noConsole: the console is what the application chose by giving no logger.
  warn: (fields, message) => console.warn(toLine(fields, message)),
  // biome-ignore lint/suspicious/noConsole: as above.
  error: (fields, message) => console.error(toLine(fields, message)),
};

/** JSON has already escaped C0. A terminal also obeys DEL, C1, and characters that change the direction of text. */
const escapeControl = (control: string) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`;
const toLine = (fields: object, message: string): string =>
  `flagtrail: ${message} ${JSON.stringify(fields).replaceAll(/\p{Cc}|\p{Bidi_Control}/gu, escapeControl)}`;

type Deps = {
  /** Called for each line, because the logger changes when the client is configured. */
  logger: () => AuditClientLogger;
  /** Text that no line may contain; null if there is none. */
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

/** Writes lines without the secret, never throws, and never floods the log. */
export const makeLog = ({ logger, secret, now }: Deps) => {
  const lastAtMs = new Map<string, { atMs: number; suppressed: number }>();

  const write = (level: 'warn' | 'error', fields: object, message: string): void => {
    try {
      const hidden = secret();
      const text = JSON.stringify(fields);
      // No character of a token is escaped in JSON, so this finds it everywhere; and it finds it whole, because nothing was cut
      // before.
      logger()[level](JSON.parse(hidden ? text.replaceAll(hidden, '[token]') : text, cut), message);
    } catch {
      // A broken logger must not break its application.
    }
  };
  return {
    warn: (fields: object, message: string): void => write('warn', fields, message),
    error: (fields: object, message: string): void => write('error', fields, message),
    /** Warns at most once a minute for each message, or for each `kind`; the next line says how many were left out. */
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
