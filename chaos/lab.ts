import { createSecretKey, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { mintToken } from '../src/access/jwt/mint-token.ts';
import { openDatabases } from '../src/database/open-database.ts';
import { newSigningKey } from '../src/transparency/signing/signing-key.ts';
import { startCloudWatchServer } from '../test/support/cloudwatch-server.ts';
import { type PostgresServer, startPostgresServer } from '../test/support/postgres-server.ts';
import { type ProcessName, processNames } from './plan.ts';
import { makeServiceProcess, type ServiceProcess } from './service-process.ts';

/** What a run works with: real processes of the service, a real PostgreSQL, and our own CloudWatch server. */
export type Lab = Awaited<ReturnType<typeof openLab>>;

const issuer = 'https://chaos.example';
const audience = 'chaos';
const [group, stream] = ['flagtrail', 'chaos'];
const restartAttempts = 60;

export const openLab = async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'flagtrail-chaos-'));
  const closers: (() => unknown)[] = [];
  /** Ends everything in reverse order. `keepFolder` keeps the folder with the processes' output. */
  const close = async ({ keepFolder = false }: { keepFolder?: boolean } = {}) => {
    for (const end of closers.splice(0).reverse()) await end();
    if (!keepFolder) rmSync(folder, { recursive: true, force: true });
  };
  try {
    const postgres = await startPostgresServer();
    closers.push(() => postgres.stop());
    const databaseUrl = await createDatabase(postgres);
    const cloudWatch = await startCloudWatchServer({ now: () => new Date() });
    closers.push(() => cloudWatch[Symbol.asyncDispose]());
    const secret = randomBytes(32).toString('hex');
    const signingKey = newSigningKey();
    const stdout: { position: number; id: string }[] = [];
    const crashes: string[] = [];
    const spooling = { happened: false };
    const processes = new Map<ProcessName, ServiceProcess>();
    closers.push(() => Promise.all([...processes.values()].map((service) => service.stop())));
    for (const name of processNames) {
      const service = await makeServiceProcess({
        name,
        folder,
        databaseUrl,
        env: {
          ...{ AUTH_SECRET: secret, AUTH_ISSUER: issuer, AUTH_AUDIENCE: audience, LOG_SIGNING_KEY: signingKey },
          ...{ AWS_REGION: 'eu-central-1', AWS_ACCESS_KEY_ID: 'chaos', AWS_SECRET_ACCESS_KEY: 'chaos' },
          ...{ AWS_ENDPOINT_URL: cloudWatch.url, CLOUDWATCH_LOG_GROUP: group, CLOUDWATCH_LOG_STREAM: stream },
        },
        onEvent: (event) => stdout.push(event),
        onSpooling: () => Object.assign(spooling, { happened: true }),
        onCrash: (why) => crashes.push(why),
      });
      processes.set(name, service);
    }
    return {
      folder,
      databaseUrl,
      postgres,
      processes,
      apiUrls: [...processes.values()].filter(({ name }) => name.startsWith('api')).map(({ url }) => url),
      authorization: `Bearer ${await mintToken({
        secret: createSecretKey(Buffer.from(secret)),
        ...{ issuer, audience, subject: 'chaos-admin', groups: ['admin'] },
        lifetimeMs: 6 * 3_600_000,
        now: new Date(),
      })}`,
      /** The events that the sinks got so far. */
      sinks: () =>
        new Map([
          ['stdout', [...stdout]],
          ['CloudWatch', cloudWatch.accepted(group, stream).map(({ message }) => toTaken(JSON.parse(message)))],
        ]),
      crashes,
      wasSpooled: () => spooling.happened,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
};

const toTaken = ({ position, id }: { position: number; id: string }) => ({ position, id });

const createDatabase = async (postgres: PostgresServer): Promise<string> => {
  const client = new pg.Client({ connectionString: `${postgres.baseUrl}/postgres` });
  await client.connect();
  await client.query('CREATE DATABASE chaos').finally(() => client.end());
  const databaseUrl = `${postgres.baseUrl}/chaos`;
  const place = { databaseUrl, databaseConnections: 1, dataDir: null };
  await (await openDatabases(place, { pools: 'one', schema: 'migrated' })).close();
  return databaseUrl;
};

/** Starts PostgreSQL again. After a kill, no new server starts until the old one's processes have ended. */
export const restartPostgres = async (postgres: PostgresServer): Promise<void> => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await postgres.restart();
    } catch (error) {
      if (attempt === restartAttempts) throw new Error('PostgreSQL did not start again', { cause: error });
      await sleep(500);
    }
  }
};
