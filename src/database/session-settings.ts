/** A transaction of ours is at rest for some milliseconds: after this time its client has vanished, and its locks are in the way. */
const idleInTransactionMs = 5000;

type Limits = { statementTimeoutMs?: number | undefined; lockTimeoutMs?: number | undefined };

/**
 * What we rely on, whatever the server's or the role's defaults are, as one message after the connection stands: poolers refuse
 * such settings where a connection begins with them.
 *
 * - Prisma writes instants in UTC without an offset and ignores the offset of those it reads: in another time zone everything
 *   would be due some hours off. And claims need each statement to see what was committed before it.
 * - The server must find out that a client vanished: a transaction at rest ends, and what it had locked is free; what is sent to
 *   nobody is given up; and while a statement runs, or waits for a lock, the server looks whether somebody still waits for it,
 *   where its platform can do that.
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
