import { type More, makeThrottle } from './throttle.ts';

type Log = (details: object, message: string) => void;
type Deps = { logger: { warn: Log; error: Log }; now: () => Date };
type Line = { level: 'warn' | 'error'; details: object; message: string };

const windowMs = 60_000;
/** The messages are our own, so there are few; part of one can come from the database or a library. */
const maxMessages = 100;

/**
 * A log for what strangers can cause as often as they like. Each message is logged at once, and again after a minute with its
 * latest details and how many more there were.
 */
export const makeThrottledLog = ({ logger, now }: Deps) => {
  const { note, sweep, flush } = makeThrottle<Line>({
    now,
    atOnce: 1,
    windowMs,
    maxKeys: maxMessages,
    report: ({ level, details, message }) => logger[level](details, message),
    reportMore: ({ level, details, message }, { count, since, until }: More) =>
      logger[level]({ ...details, more: { count, since, until } }, `${message}: ${count} more times`),
  });
  const at =
    (level: Line['level']): Log =>
    (details, message) =>
      note(`${level} ${message}`, { level, details, message });
  return { warn: at('warn'), error: at('error'), sweep, flush };
};

export type ThrottledLog = Pick<ReturnType<typeof makeThrottledLog>, 'warn' | 'error'>;
