/**
 * Our transactions are idle for some milliseconds at most. After this time the client has vanished, and its locks are in the way.
 */
const idleInTransactionMs = 5000;

type Limits = { statementTimeoutMs?: number | undefined; lockTimeoutMs?: number | undefined };

/**
 * Settings that we rely on, whatever the defaults of the server or the role are. They are sent as one message after the
 * connection opens, because poolers refuse such settings in the startup message.
 *
 * - Prisma writes instants in UTC without an offset, and ignores the offset of those it reads: in another time zone, everything
 *   would be due some hours off. Also, a claim needs each statement to see what was committed before it.
 * - The server must notice that a client vanished: a transaction that idles ends and frees its locks; a result that nobody reads
 *   is given up; and while a statement runs, or waits for a lock, the server checks whether the client is still connected, if its
 *   platform can do that.
 */
export const sessionSettings = ({ statementTimeoutMs, lockTimeoutMs }: Limits): string =>
  [
    "SET TIME ZONE 'UTC'",
    "SET default_transaction_isolation = 'read committed'",
    `SET idle_in_transaction_session_timeout = ${idleInTransactionMs}`,
    'SET tcp_keepalives_idle = 10',
    'SET tcp_keepalives_interval = 3',
    'SET tcp_keepalives_count = 3',
    'SET tcp_user_timeout = 10000',
    ...(statementTimeoutMs === undefined ? [] : [`SET statement_timeout = ${statementTimeoutMs}`]),
    ...(lockTimeoutMs === undefined ? [] : [`SET lock_timeout = ${lockTimeoutMs}`]),
    `DO 'BEGIN SET client_connection_check_interval = 2000; EXCEPTION WHEN OTHERS THEN NULL; END'`,
  ].join('; ');
