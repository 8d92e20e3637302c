import pg from 'pg';
import { openDatabases } from '../src/database/open-database.ts';
import { startPostgresServer } from '../test/support/postgres-server.ts';

/** What each bench is given. */
export type Lab = {
  /** The version that PostgreSQL reports. */
  readonly postgresVersion: string;
  /** Creates a migrated database, empty or copied from one that has no connections. Returns its URL. */
  createDatabase(options?: { copyOf?: string }): Promise<string>;
  /** Runs SQL on a database, on a new connection. */
  sql<Row extends pg.QueryResultRow>(url: string, text: string): Promise<Row[]>;
  /** Makes PostgreSQL write dirty pages now, so that the next round does not pay for them. */
  settle(): Promise<void>;
  close(): Promise<void>;
};

/** Shows what is being measured. Throws if the run was cancelled. */
type Step = (what: string) => void;
export type Bench = {
  name: string;
  /** How often the bench calls `step`. */
  steps: (rounds: number) => number;
  run: (lab: Lab, options: { rounds: number; step: Step }) => Promise<Figure[]>;
};
type Figure = import('./statistics.ts').Figure;

const emptyDatabase = 'bench_empty';

/** Starts PostgreSQL on the loopback interface with its default settings, except the number of connections. */
export const openLab = async (): Promise<Lab> => {
  const server = await startPostgresServer();
  const urlOf = (name: string) => `${server.baseUrl}/${name}`;
  let databases = 0;

  const sql = async <Row extends pg.QueryResultRow>(url: string, text: string): Promise<Row[]> => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      const result = await client.query<Row>(text);
      return (Array.isArray(result) ? result.at(-1) : result).rows;
    } finally {
      await client.end();
    }
  };
  const createDatabase: Lab['createDatabase'] = async ({ copyOf = urlOf(emptyDatabase) } = {}) => {
    const name = `bench_${++databases}`;
    await sql(urlOf('postgres'), `CREATE DATABASE ${name} TEMPLATE ${new URL(copyOf).pathname.slice(1)}`);
    return urlOf(name);
  };
  try {
    await sql(urlOf('postgres'), `CREATE DATABASE ${emptyDatabase}`);
    const place = { databaseUrl: urlOf(emptyDatabase), databaseConnections: 1, dataDir: null };
    await (await openDatabases(place, { pools: 'one', schema: 'migrated' })).close();
    const [version] = await sql<{ server_version: string }>(urlOf('postgres'), 'SHOW server_version');
    return {
      postgresVersion: version?.server_version ?? 'unknown',
      createDatabase,
      sql,
      settle: async () => void (await sql(urlOf('postgres'), 'CHECKPOINT')),
      close: () => server.stop(),
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
};
