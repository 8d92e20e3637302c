import { spawn } from 'node:child_process';
import { createSecretKey, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { mintToken } from '../src/access/jwt/mint-token.ts';
import { newSigningKey } from '../src/transparency/signing/signing-key.ts';
import { findFreePort } from '../test/support/free-port.ts';

const startWithinMs = 30_000;
const issuer = 'https://bench.example';
const audience = 'bench';

type Options = { databaseUrl: string; roles?: string; connections?: number; nodeOptions?: readonly string[] };

/** Starts `flagtrail serve` in production mode as its own process. Its stdout goes to the null device. */
export const startServiceProcess = async ({
  databaseUrl,
  roles = 'api,worker,audit',
  connections = 32,
  nodeOptions = [],
}: Options) => {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'flagtrail-bench-'));
  const secret = randomBytes(32).toString('hex');
  const port = await findFreePort();
  const url = `http://127.0.0.1:${port}`;
  const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...nodeOptions, main, 'serve'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      PATH: process.env.PATH,
      NODE_ENV: 'production',
      PORT: String(port),
      DATA_DIR: dataDir,
      DATABASE_URL: databaseUrl,
      DATABASE_CONNECTIONS: String(connections),
      ROLES: roles,
      AUTH_SECRET: secret,
      LOG_SIGNING_KEY: newSigningKey(),
      AUTH_ISSUER: issuer,
      AUTH_AUDIENCE: audience,
    },
  });
  let errors = '';
  child.stderr.on('data', (chunk) => {
    errors = `${errors}${chunk}`.slice(-4000);
  });
  const exit = once(child, 'exit');
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
    await exit;
    rmSync(dataDir, { recursive: true, force: true });
  };
  try {
    for (const until = Date.now() + startWithinMs; ; await sleep(50)) {
      if (child.exitCode !== null || Date.now() > until) throw new Error(`the service did not start: ${errors}`);
      const ready = await fetch(`${url}/readyz`).catch(() => null);
      if (ready?.ok) break;
    }
    const token = await mintToken({
      secret: createSecretKey(Buffer.from(secret)),
      issuer,
      audience,
      subject: 'bench-admin',
      email: 'bench@example.com',
      name: 'Bench',
      groups: ['admin'],
      lifetimeMs: 3_600_000,
      now: new Date(),
    });
    return { url, authorization: `Bearer ${token}`, stop };
  } catch (error) {
    await stop();
    throw error;
  }
};
