import { Writable } from 'node:stream';
import { pino } from 'pino';
import { v7 as uuidv7 } from 'uuid';
import { startService } from '../../src/compose/service.ts';
import { readConfig } from '../../src/config/config.ts';
import { openOutput } from '../../src/process/output.ts';
import { atTestEnd } from './at-test-end.ts';
import { temporaryFolder } from './service.ts';

/**
 * Starts the service in this process, and returns when it listens: if the database is not ready, the service waits. It is stopped
 * at the end of the test.
 */
export const startUnready = async (databaseUrl: string, env: Record<string, string> = {}) => {
  const config = readConfig({ PORT: '0', DATA_DIR: temporaryFolder(), DATABASE_URL: databaseUrl, LOG_LEVEL: 'silent', ...env });
  const stdout = new Writable({ write: (_chunk, _encoding, done) => done() });
  const clock = { now: () => new Date() };
  const surroundings = {
    logger: pino({ level: 'silent' }, stdout),
    stdout: openOutput(stdout, { clock }),
    clock,
    newId: (at: Date) => uuidv7({ msecs: at.getTime() }),
    random: Math.random,
  };
  const service = await startService(config, surroundings, { http: true, announce: () => {} });
  atTestEnd(service.stop);
  return service;
};
