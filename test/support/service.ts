import { createSecretKey } from 'node:crypto';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Writable } from 'node:stream';
import { type Client, type ClientOptions, createClient } from 'graphql-ws';
import { pino } from 'pino';
import { v7 as uuidv7 } from 'uuid';
import { WebSocket } from 'ws';
import { mintToken } from '../../src/access/jwt/mint-token.ts';
import type { Welcome } from '../../src/compose/api.ts';
import { startService } from '../../src/compose/service.ts';
import { readConfig } from '../../src/config/config.ts';
import type { Clock } from '../../src/kernel/clock.ts';
import { openOutput } from '../../src/process/output.ts';
import { atTestEnd } from './at-test-end.ts';
import { logKey } from './log-key.ts';
import { whereShared } from './shared.ts';
import { pgliteTemplates } from './templates.ts';

const secret = 'the secret of the tests, longer than 32 bytes';
const issuer = 'https://issuer.example';
const audience = 'flagtrail-tests';

export type GraphQLResponse<Data> = {
  status: number;
  headers: Headers;
  data?: Data | null;
  errors?: { message: string; path?: (string | number)[]; extensions?: Record<string, unknown> }[];
};

/** What a token says; by default an admin's. */
export type TestToken = {
  sub?: string;
  email?: string;
  name?: string;
  groups?: readonly string[];
  lifetimeMs?: number;
  now?: Date;
};

export const token = ({
  sub = 'admin-a',
  groups = ['admin'],
  lifetimeMs = 3_600_000,
  now = new Date(),
  ...rest
}: TestToken = {}) =>
  mintToken({ secret: createSecretKey(Buffer.from(secret)), issuer, audience, subject: sub, groups, lifetimeMs, now, ...rest });

/** A folder that is deleted at the end of the test. */
export const temporaryFolder = (): string => {
  const folder = mkdtempSync(path.join(tmpdir(), 'flagtrail-test-'));
  atTestEnd(async () => rmSync(folder, { recursive: true, force: true }));
  return folder;
};

/** A folder with an embedded database that only needs to be opened, or migrated; deleted at the end of the test. */
export const dataDirectory = async ({ migrated = true }: { migrated?: boolean } = {}): Promise<string> => {
  const folder = temporaryFolder();
  const templates = pgliteTemplates(await whereShared('pglite'));
  cpSync(migrated ? templates.dataDirectory : templates.emptyDataDirectory, folder, { recursive: true });
  return folder;
};

type Options = {
  /** Null or absent: the embedded database, in a separate folder. */
  databaseUrl?: string | null;
  dataDir?: string;
  /** Settings in addition to those of the tests; `undefined` removes one. */
  env?: Record<string, string | undefined>;
  /** The application's clock. Schedules still use the database's clock. */
  clock?: Clock;
  /** Replaces the database's clock where schedules are planned; whether one is due, the database's own clock decides. */
  databaseClock?: Clock;
};

/**
 * The whole service in this process, on a free port, composed as by `flagtrail serve`; stopped at the end of the test. A shared
 * secret signs its tokens.
 */
export const startTestService = async ({
  databaseUrl,
  dataDir,
  env = {},
  clock = { now: () => new Date() },
  databaseClock,
}: Options = {}) => {
  const lines: string[] = [];
  const stdout = new Writable({
    write: (chunk, _encoding, done) => {
      lines.push(...String(chunk).split('\n').filter(Boolean));
      done();
    },
  });
  const config = readConfig({
    PORT: '0',
    DATA_DIR: dataDir ?? (databaseUrl ? temporaryFolder() : await dataDirectory()),
    DATABASE_URL: databaseUrl ?? undefined,
    AUTH_SECRET: secret,
    AUTH_ISSUER: issuer,
    AUTH_AUDIENCE: audience,
    LOG_SIGNING_KEY: logKey,
    LOG_LEVEL: 'warn',
    ...env,
  });
  const logger = pino({ level: config.logLevel }, stdout);
  const newId = (at: Date) => uuidv7({ msecs: at.getTime() });
  const hasHttp = config.roles.includes('api');
  let welcome: Welcome | null = null;
  const announce = (announced: Welcome) => {
    welcome = announced;
  };
  const service = await startService(
    config,
    { logger, stdout: openOutput(stdout, { clock }), clock, newId, random: Math.random, ...(databaseClock && { databaseClock }) },
    { http: hasHttp, announce },
  );
  const stop = () => service.stop();
  atTestEnd(stop);
  await service.started;
  const url = service.url ?? '';

  /** Runs an operation over HTTP, as an admin unless another token is given (null: without one). */
  const gql = async <Data = Record<string, never>>(
    query: string,
    variables: Record<string, unknown> = {},
    { as, headers = {} }: { as?: string | null; headers?: Record<string, string> } = {},
  ): Promise<GraphQLResponse<Data>> => {
    const bearer = as === undefined ? await token() : as;
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(bearer !== null && { authorization: `Bearer ${bearer}` }), ...headers },
      body: JSON.stringify({ query, variables }),
    });
    return { status: response.status, headers: response.headers, ...((await response.json()) as object) };
  };

  /** A graphql-ws client on a real socket; closed at the end of the test. */
  const socket = ({ as, ...options }: { as?: string | null } & Partial<ClientOptions> = {}): Client => {
    const client = createClient({
      url: `${url.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      lazy: false,
      retryAttempts: 0,
      connectionParams: async () => (as === null ? {} : { authorization: `Bearer ${as ?? (await token())}` }),
      onNonLazyError: () => {},
      ...options,
    });
    atTestEnd(async () => void (await client.dispose()));
    return client;
  };

  return {
    url,
    gql,
    socket,
    stop,
    /** Everything that was written to stdout, one line of JSON each. */
    lines,
    /** What the banner of development mode would show. */
    welcome: () => welcome,
    [Symbol.asyncDispose]: stop,
  };
};

export type TestService = Awaited<ReturnType<typeof startTestService>>;
