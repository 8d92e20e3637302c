import type { Command } from 'commander';
import { pino } from 'pino';
import type { Welcome } from '../compose/api.ts';
import type { Service } from '../compose/service.ts';
import type { Config, Needs } from '../config/config.ts';
import { requestScope } from '../http/request-scope.ts';
import { escapeControls } from '../kernel/escape-controls.ts';
import { onStopSignal } from '../process/signals.ts';
import type { Surroundings } from '../process/surroundings.ts';

type Deps = {
  readConfig: (needs: Needs) => Config;
  surroundings: Omit<Surroundings, 'logger'>;
};

const stopping = `
It runs until it gets SIGINT (Ctrl+C) or SIGTERM. Then it finishes work under way, within 10 seconds, and exits with 0. A second signal,
at least a second later, ends it at once.`;

const serveHelp = `
Without DATABASE_URL it uses an embedded database in DATA_DIR, which only one process can have open, and brings it up to date. On
PostgreSQL it waits until 'flagtrail migrate' has run. GET /readyz says whether it is ready, and if not, why.

In development mode it prints a token and a link to GraphiQL; NODE_ENV=production turns that off.
${stopping}

Examples:
  flagtrail serve
  DATABASE_URL=postgres://app:secret@db/flagtrail ROLES=api PORT=8080 flagtrail serve`;

const workerHelp = `
The same as 'serve' with ROLES=worker. Start as many as you like on one PostgreSQL server: each schedule is applied once. A worker's
events reach the log while another process runs with the role audit. With PORT set, it serves /healthz, /readyz and /metrics.
${stopping}

Example:
  DATABASE_URL=postgres://app:secret@db/flagtrail flagtrail worker`;

/** Adds `flagtrail serve` and `flagtrail worker`, which run until a signal stops them. */
export const addServeCommands = (program: Command, { readConfig, surroundings }: Deps): void => {
  program
    .command('serve')
    .description('run the service: the API, the worker and the audit pipeline, or those of them that ROLES names')
    .addHelpText('after', serveHelp)
    .action(() => run(readConfig({}), surroundings));
  program
    .command('worker')
    .description('run only the worker, which applies schedules')
    .addHelpText('after', workerHelp)
    .action(() => run(readConfig({ roles: ['worker'] }), surroundings));
};

const run = async (config: Config, surroundings: Deps['surroundings']): Promise<void> => {
  const logger = pino(
    {
      level: config.logLevel,
      base: { pid: process.pid },
      // Names the level, as the events on the same stream do.
      formatters: { level: (level) => ({ level }) },
      mixin: () => {
        const scope = requestScope.getStore();
        return scope ? { requestId: scope.requestId } : {};
      },
      hooks: { streamWrite: escapeControls },
    },
    surroundings.stdout,
  );
  // Loaded only here: the other commands start in half the time without it.
  const { startService } = await import('../compose/service.ts');
  const service = await startService(config, { ...surroundings, logger }, { http: config.http, announce });
  const stopped = untilStopped(service, (signal) => logger.info({ signal }, 'stopping'));
  try {
    await service.started.catch(async (error) => {
      await service.stop();
      throw error;
    });
    await stopped;
  } finally {
    // Nothing that is left, such as a connection that the other side keeps open, can keep the process alive.
    setTimeout(() => process.exit(), lingerMs).unref();
  }
};

const lingerMs = 300;

const untilStopped = (service: Service, onSignal: (signal: string) => void): Promise<void> =>
  new Promise((resolve, reject) => {
    onStopSignal((signal) => {
      onSignal(signal);
      service.stop().then(resolve, reject);
    });
  });

/** Prints to stderr, in development mode, where the service is and how to call it. */
const announce = ({ url, token, pageCode }: Welcome & { url: string }): void => {
  const query = '{"query":"{ viewer { actor { id } roles } environments { key } }"}';
  const page =
    pageCode === null
      ? `${url}/graphql`
      : `GraphiQL is signed in at this address, for as long as this process runs:\n${url}/graphql?code=${pageCode}`;
  process.stderr.write(`
Flagtrail runs in development mode. ${page}

An admin's token, good for 30 days:
${token}

Try it:
curl -s ${url}/graphql -H 'content-type: application/json' -H 'authorization: Bearer ${token}' -d '${query}'

`);
};
