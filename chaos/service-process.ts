import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { findFreePort } from '../test/support/free-port.ts';
import { startTcpProxy, type TcpProxy } from '../test/support/tcp-proxy.ts';
import type { ProcessName } from './plan.ts';

/** One process of the service. It keeps its name when it ends and starts again. */
export type ServiceProcess = {
  name: ProcessName;
  url: string;
  /** The proxy between the process and the database. */
  proxy: TcpProxy;
  start(): void;
  kill(): Promise<void>;
  pause(): void;
  resume(): void;
  isReady(): Promise<boolean>;
  /** How many events wait in its spool; infinity if it does not answer. */
  spooled(): Promise<number>;
  /** Asks the process to end, and kills it if it does not. */
  stop(): Promise<void>;
};

type Options = {
  name: ProcessName;
  folder: string;
  databaseUrl: string;
  env: Record<string, string>;
  /** Called for each audit event that the process writes to stdout. */
  onEvent: (event: { position: number; id: string }) => void;
  /** Called when the process starts to spool events. */
  onSpooling: () => void;
  /** Called when the process ends by itself. It is started again, as a supervisor would do. */
  onCrash: (why: string) => void;
};

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const restartAfterMs = 500;
const stopWithinMs = 20_000;
const readyWithinMs = 2000;
const metricsWithinMs = 5000;
const spoolingMessage = 'the audit outbox takes no events';

export const makeServiceProcess = async ({
  name,
  folder,
  databaseUrl,
  env,
  onEvent,
  onSpooling,
  onCrash,
}: Options): Promise<ServiceProcess> => {
  const target = new URL(databaseUrl);
  const proxy = await startTcpProxy({ target: { host: target.hostname, port: Number(target.port) } });
  const through = new URL(databaseUrl);
  through.port = String(proxy.port);
  const port = await findFreePort();
  const url = `http://127.0.0.1:${port}`;
  const dataDir = path.join(folder, name);
  mkdirSync(dataDir);
  const log = path.join(folder, `${name}.log`);
  const settings = {
    PATH: process.env.PATH,
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
    NODE_ENV: 'production',
    PORT: String(port),
    DATA_DIR: dataDir,
    DATABASE_URL: through.href,
    ROLES: name.replace(/-\d+$/, ''),
    ...env,
  };
  let child: ChildProcess | null = null;
  let isStopped = true;

  const readLine = (line: string) => {
    if (line.includes(spoolingMessage)) onSpooling();
    if (!line.includes('"eventType"') || !line.includes('"position"')) return appendFileSync(log, `${line}\n`);
    // A killed process can leave half a line.
    const event = parse(line);
    if (event) onEvent({ position: Number(event.position), id: String(event.id) });
  };
  const start = () => {
    isStopped = false;
    const started = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, 'serve'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: settings,
      // Outside the terminal's process group, so that this process decides what Ctrl+C does.
      detached: true,
    });
    child = started;
    const dismissGuard = guard(started.pid);
    createInterface({ input: started.stdout }).on('line', readLine);
    let errors = '';
    started.stderr.on('data', (chunk) => {
      errors = `${errors}${chunk}`.slice(-2000);
      appendFileSync(log, chunk);
    });
    started.once('close', (code, signal) => {
      dismissGuard();
      if (child === started) child = null;
      if (isStopped) return;
      onCrash(
        `${name} ended with ${code ?? signal}: ${/^.*(Error|error).*$/m.exec(errors)?.[0] ?? errors.trim().split('\n').at(-1)}`,
      );
      setTimeout(() => {
        if (!isStopped && child === null) start();
      }, restartAfterMs);
    });
  };
  const end = async (signal: NodeJS.Signals) => {
    isStopped = true;
    const ending = child;
    if (!ending || ending.exitCode !== null || ending.signalCode !== null) return;
    const closed = once(ending, 'close');
    ending.kill(signal);
    const late = signal === 'SIGKILL' ? null : setTimeout(() => ending.kill('SIGKILL'), stopWithinMs);
    await closed;
    if (late) clearTimeout(late);
  };
  return {
    name,
    url,
    proxy,
    start,
    kill: () => end('SIGKILL'),
    pause: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
    isReady: async () => {
      const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(readyWithinMs) }).catch(() => null);
      await answer?.body?.cancel();
      return answer?.status === 200;
    },
    spooled: async () => {
      const answer = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(metricsWithinMs) }).catch(() => null);
      const text = await answer?.text().catch(() => '');
      return Number(/^flagtrail_audit_spooled_events (\d+)$/m.exec(text ?? '')?.[1] ?? Number.POSITIVE_INFINITY);
    },
    stop: async () => {
      child?.kill('SIGCONT');
      await end('SIGTERM');
      await proxy.close();
    },
  };
};

/** Polls until the process is ready. Null if the signal aborts first. */
export const untilReady = async (service: ServiceProcess, signal: AbortSignal): Promise<number | null> => {
  const startedAt = performance.now();
  while (!signal.aborted) {
    if (await service.isReady()) return signal.aborted ? null : performance.now() - startedAt;
    await sleep(100, undefined, { signal }).catch(() => {});
  }
  return null;
};

const parse = (line: string): Record<string, unknown> | null => {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
};

/** Kills the process if this one is killed: a shell waits until its pipe from this process breaks. */
const guard = (pid: number | undefined): (() => void) => {
  const shell = spawn('sh', ['-c', 'cat >/dev/null; kill -9 "$1"', 'sh', String(pid)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  return () => void shell.kill('SIGKILL');
};
