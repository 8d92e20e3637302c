import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { v7 as uuidv7 } from 'uuid';
import { startService } from '../src/compose/service.ts';
import { readConfig } from '../src/config/config.ts';
import { openDatabases } from '../src/database/open-database.ts';
import { escapeControls } from '../src/kernel/escape-controls.ts';
import { openOutput } from '../src/process/output.ts';

/**
 * Starts the whole service in this process, in development mode and on a free port: on the embedded database in a temporary
 * folder, or on PostgreSQL, which it migrates first. Warnings go to stderr; the audit events for stdout are dropped.
 */
export const startOwnService = async (databaseUrl: string | undefined) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'flagtrail-demo-'));
  const logger = pino({ level: 'warn', hooks: { streamWrite: escapeControls } }, process.stderr);
  const removeFolder = () => rmSync(folder, { recursive: true, force: true });
  try {
    if (databaseUrl) {
      const place = { databaseUrl, databaseConnections: 1, dataDir: null };
      await (await openDatabases(place, { pools: 'one', schema: 'migrated' }, logger)).close();
    }
    const config = readConfig({ PORT: '0', DATA_DIR: folder, DATABASE_URL: databaseUrl });
    const newId = (at: Date) => uuidv7({ msecs: at.getTime() });
    const stdout = new Writable({ write: (_chunk, _encoding, done) => done() });
    const clock = { now: () => new Date() };
    const surroundings = { logger, stdout: openOutput(stdout, { clock }), clock, newId, random: Math.random };
    let signedIn = { url: '', token: '' };
    const service = await startService(config, surroundings, { http: true, announce: (at) => (signedIn = at) });
    const stop = async () => {
      await service.stop();
      removeFolder();
    };
    try {
      await service.started;
    } catch (error) {
      await stop();
      throw error;
    }
    return { ...signedIn, stop };
  } catch (error) {
    removeFolder();
    throw error;
  }
};
