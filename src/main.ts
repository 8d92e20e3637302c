#!/usr/bin/env node
import { userInfo } from 'node:os';
import { Command, CommanderError } from 'commander';
import { pino } from 'pino';
import { v7 as uuidv7 } from 'uuid';
import { makeAskService } from './cli/ask-service.ts';
import { addExportCommand } from './cli/export.ts';
import { addExportEventsCommand } from './cli/export-events.ts';
import { addExportFlagsCommand } from './cli/export-flags.ts';
import { addImportCommand } from './cli/import.ts';
import { addLogCommand } from './cli/log.ts';
import { addMigrateCommand } from './cli/migrate.ts';
import { addPruneCommand } from './cli/prune.ts';
import { addSchedulesCommand } from './cli/schedules.ts';
import { addServeCommands } from './cli/serve.ts';
import { addStatusCommand } from './cli/status.ts';
import { addTokenCommand } from './cli/token.ts';
import { addVerifyCommand } from './cli/verify.ts';
import { type Config, ConfigError, type Needs, readConfig } from './config/config.ts';
import { DataDirectoryInUseError } from './database/data-directory-lock.ts';
import { describeFailure, sqlStateOf, toUnavailable } from './database/database-errors.ts';
import { MigrationRefusedError } from './database/migrate.ts';
import { openDatabases } from './database/open-database.ts';
import { escapeControls } from './kernel/escape-controls.ts';
import { openOutput } from './process/output.ts';
import { onStopSignal } from './process/signals.ts';

// The command line. Only this file reads process.env; everything else gets its settings passed in.

// Files that this process creates (database, spool, exports) are for its user only.
process.umask(0o077);

const clock = { now: () => new Date() };

// A reader such as `head` can close the pipe: a command then ends quietly, and a service goes on.
openOutput(process.stderr, { clock });
let isService = false;
const stdout = openOutput(process.stdout, {
  clock,
  onTrouble: (error) => {
    if (isService)
      process.stderr.write(`flagtrail: stdout takes nothing (${error.message}); the service goes on without its log\n`);
    else if (!('code' in error && error.code === 'EPIPE')) {
      process.stderr.write(`flagtrail: stdout takes nothing: ${error.message}\n`);
      process.exitCode = 1;
    }
  },
});
const surroundings = { stdout, clock, newId: (at: Date) => uuidv7({ msecs: at.getTime() }), random: Math.random };

// Names of files and flags, events, errors and arguments can hold control characters, which must not reach the terminal.
const writeOut = (text: string) => void process.stdout.write(escapeControls(text));
const writeErr = (text: string) => void process.stderr.write(escapeControls(text));

const help = `
Settings are environment variables. The ones to begin with:
  DATABASE_URL   the PostgreSQL server (postgres://…); without it, an embedded database in DATA_DIR (./data)
  PORT, HOST     where the API listens (4000 on 127.0.0.1)
  ROLES          what a process runs: api, worker, audit (all of them)
  NODE_ENV       production refuses to start without a database server and real authentication

Examples:
  flagtrail serve                                    # everything in one process, to try it out
  flagtrail migrate && flagtrail serve               # on PostgreSQL, with DATABASE_URL set
  flagtrail token --sub alice --expires 8h           # a token to call the API with

'flagtrail <command> --help' says more about each command.`;
const program = new Command('flagtrail')
  .description('Feature flags that change on schedule, with a log of who did what.')
  .configureOutput({ writeOut, writeErr })
  .showHelpAfterError('(flagtrail --help lists the commands)')
  .addHelpText('after', help)
  .exitOverride()
  .hook('preAction', (_program, command) => {
    isService = ['serve', 'worker'].includes(command.name());
  });

/** The settings, checked for what a command needs. */
const readSettings = (needs: Needs) => readConfig(process.env, needs);
let settings: Config | undefined;
/** The settings for a command that opens the database, does its work and ends; read once. */
const commandSettings = () => (settings ??= readSettings({ roles: [] }));

addServeCommands(program, { readConfig: readSettings, surroundings });
addMigrateCommand(program, {
  openDatabase: openingDatabase('any'),
  write: writeOut,
  setExitCode,
});
const streams = { stdout: process.stdout, stderr: process.stderr };
const exportCommand = addExportCommand(program);
addExportEventsCommand(exportCommand, {
  openDatabase: openingDatabase('ready'),
  ...streams,
  onInterrupt: onStopSignal,
  setExitCode,
});
addExportFlagsCommand(exportCommand, { open: openParts, userName, ...streams });
addImportCommand(program, { open: openParts, userName, ...streams, onInterrupt: onStopSignal, setExitCode });
const sources = {
  openDatabase: openingDatabase('ready'),
  // The settings are read only if the service must be asked.
  ask: <Data>(query: string, variables?: Record<string, unknown>) =>
    makeAskService(commandSettings(), clock)<Data>(query, variables),
};
addPruneCommand(program, { open: openParts, userName, stderr: process.stderr, onInterrupt: onStopSignal, setExitCode });
addStatusCommand(program, { ...sources, write: writeOut, setExitCode });
addSchedulesCommand(program, { ...sources, write: writeOut });
addLogCommand(program, {
  ...sources,
  open: openParts,
  readConfig: readSettings,
  userName,
  write: writeOut,
  writeError: writeErr,
});
addTokenCommand(program, { readConfig: readSettings, clock, write: writeOut });
addVerifyCommand(program, {
  readSnapshot: async (databaseUrl, work) => {
    const place = databaseUrl === null ? commandSettings() : { databaseUrl, databaseConnections: 1, dataDir: null };
    // Whoever verifies a database must not change it, not even by a migration.
    const { reads, close } = await openDatabases(place, { pools: 'one', schema: 'any' });
    return reads.readSnapshot(work).finally(close);
  },
  token: () => process.env.FLAGTRAIL_TOKEN || null,
  fetch,
  write: writeOut,
  stderr: process.stderr,
  onInterrupt: onStopSignal,
  setExitCode,
  explain,
});

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode;
  else {
    writeErr(`flagtrail: ${explain(error)}\n`);
    process.exitCode = 1;
  }
}

function openingDatabase(schema: 'any' | 'ready') {
  return async () => {
    const { reads: database, close } = await openDatabases(commandSettings(), {
      pools: 'one',
      schema,
    });
    return { database, close };
  };
}

async function openParts() {
  // Loaded only here, because most commands do not need it.
  const { openCommand } = await import('./compose/command.ts');
  const logger = pino({ level: 'error' }, { write: writeErr });
  return openCommand(commandSettings(), { ...surroundings, logger });
}

/** Null if the user has no name, as in many containers. */
function userName(): string | null {
  try {
    return userInfo().username;
  } catch {
    return null;
  }
}

function setExitCode(code: number) {
  process.exitCode = code;
}

/** One line for people. An unexpected error keeps its stack trace with LOG_LEVEL=debug, for a report. */
function explain(error: unknown): string {
  if (error instanceof ConfigError || error instanceof DataDirectoryInUseError || error instanceof MigrationRefusedError)
    return error.message;
  if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')
    return `${error.message}: another program listens there; set PORT`;
  if (error instanceof Error && process.env.LOG_LEVEL === 'debug') return error.stack ?? error.message;
  // Shows a database error in the database's words, without Prisma's text around them.
  const isOurs = error instanceof Error && error.message !== '' && sqlStateOf(error) === null && toUnavailable(error) === null;
  return isOurs ? error.message : describeFailure(error);
}
