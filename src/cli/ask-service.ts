import { mintToken } from '../access/jwt/mint-token.ts';
import { openSigningKey } from '../access/jwt/open-keys.ts';
import type { Config } from '../config/config.ts';
import { DataDirectoryInUseError } from '../database/data-directory-lock.ts';
import type { Database } from '../database/database.ts';
import type { Clock } from '../kernel/clock.ts';
import { describeError } from '../kernel/describe-error.ts';

const tokenLifetimeMs = 60_000;
const timeoutMs = 10_000;

/** Sends a query to the running service and returns its data. Throws an Error that says what to do. */
export type AskService = <Data>(query: string, variables?: Record<string, unknown>) => Promise<Data>;

export type Sources = {
  /** Opens the configured database for reading, for one command. `close` releases everything. */
  openDatabase: () => Promise<{ database: Database; close: () => Promise<void> }>;
  /** Asks the running service, if only that can open the embedded database. */
  ask: AskService;
};

/** Reads from the database. If a running service has the embedded database open, asks the service instead. */
export const readOrAsk = async <Found>(
  { openDatabase, ask }: Sources,
  { read, inquire }: { read: (database: Database) => Promise<Found>; inquire: (ask: AskService) => Promise<Found> },
): Promise<Found> => {
  const opened = await openDatabase().catch((error) => {
    if (error instanceof DataDirectoryInUseError) return null;
    throw error;
  });
  if (!opened) return inquire(ask);
  try {
    return await read(opened.database);
  } finally {
    await opened.close();
  }
};

/**
 * Asks the configured service over HTTP, because only one process can open the embedded database. Signs its token with the
 * development key or AUTH_SECRET, as `flagtrail token` does.
 */
export const makeAskService =
  (config: Config, clock: Clock): AskService =>
  async <Data>(query: string, variables: Record<string, unknown> = {}): Promise<Data> => {
    const url = `http://${addressOf(config)}/graphql`;
    const unreachable = (reason: string) => {
      const how = "set HOST and PORT to the service's values, or ask it yourself: GET /readyz, or the query serviceStatus";
      return new Error(`a running service has the embedded database open, and asking ${url} failed: ${reason}; ${how}`);
    };
    const { auth } = config;
    const secret = auth && (await openSigningKey(auth.keys, { dataDir: config.dataDir }));
    if (!secret) throw unreachable('signing a token needs the development key or AUTH_SECRET');
    const token = await mintToken({
      secret,
      issuer: auth.issuer,
      audience: auth.audience,
      subject: 'command line',
      groups: config.groups.auditor.slice(0, 1),
      lifetimeMs: tokenLifetimeMs,
      now: clock.now(),
    });
    type Answer = { data?: Data | null; errors?: { message: string }[] };
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ query, variables }),
      signal: AbortSignal.timeout(timeoutMs),
    })
      .then((response) => response.json() as Promise<Answer>)
      .catch((error) => {
        throw unreachable(describeError(error instanceof Error && error.cause ? error.cause : error));
      });
    if (!answer.data || answer.errors?.length) throw unreachable(answer.errors?.[0]?.message ?? 'the response holds no data');
    return answer.data;
  };

/** The service's address as seen from this machine. */
const addressOf = ({ host, port }: Config): string => {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
};
