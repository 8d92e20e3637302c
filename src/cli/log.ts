import type { KeyObject } from 'node:crypto';
import { type Command, InvalidArgumentError } from 'commander';
import type { CommandParts } from '../compose/command.ts';
import { composeReads } from '../compose/reads.ts';
import type { Config, Needs } from '../config/config.ts';
import { text } from '../kernel/text.ts';
import { writeSecretFile } from '../process/secret-file.ts';
import { keyNameOf, originOf } from '../transparency/model/checkpoint.ts';
import { makeNoteSigner, verifierLine } from '../transparency/signing/ed25519-notes.ts';
import { newSigningKey, openSigningKey, readSigningKey } from '../transparency/signing/signing-key.ts';
import { readOrAsk, type Sources } from './ask-service.ts';
import { commandLineCaller, parseUserId } from './command-line-caller.ts';
import { parseOutputFile } from './export-destination.ts';

type Deps = Sources & {
  /** Opens the configured database for one command. `close` moves the events into the log and releases everything. */
  open: () => Promise<{ parts: Pick<CommandParts, 'rotateKey' | 'startEpoch'>; close: () => Promise<void> }>;
  /** Reads the settings. Throws a ConfigError. */
  readConfig: (needs: Needs) => Config;
  /** The name of the user who runs the command; null if the user has none. */
  userName: () => string | null;
  write: (text: string) => void;
  writeError: (text: string) => void;
};

const help = `
A log is signed by the processes with the role audit, with the key in LOG_SIGNING_KEY. docs/operations.md says how to look after it.

Examples:
  flagtrail log new-key --output log.key && LOG_SIGNING_KEY=log.key flagtrail serve
  flagtrail log key                                  # for the auditors`;

const keyHelp = `
The line is <origin>+<hash>+<base64>, as C2SP's signed notes write it (https://c2sp.org/signed-note). Auditors verify checkpoints with
it. It is the key that signs the log now, as the database says; before anybody has signed, it is that of LOG_SIGNING_KEY. While a
service has the embedded database open, the command asks that service over HTTP, at HOST and PORT.

Examples:
  flagtrail log key
  flagtrail log key > flagtrail.vkey`;

const newKeyHelp = `
Keep a copy in a safe place. Whoever has the key can sign a forged log; whoever loses it cannot hand the log over to another one.

Examples:
  flagtrail log new-key --output log.key
  flagtrail log new-key | vault kv put secret/flagtrail log-signing-key=-`;

const rotateHelp = `
LOG_SIGNING_KEY is the key that signs now. It signs the verifier line of the new one, which the event log.key_rotated records, so that
auditors who know the old key can trust the new one. Processes with the old key then stop signing, and say so; changes go on. Start
them again with the new key.

Examples:
  flagtrail log new-key --output new.key
  LOG_SIGNING_KEY=old.key flagtrail log rotate-key --to new.key

DATABASE_URL names the database; without it, the embedded database in DATA_DIR, whose service must be stopped.`;

const epochHelp = `
Processes stop signing if the log contradicts a checkpoint that was signed before: after a restore of an older copy, or a failover
that lost commits. Find out what happened first. Then this command lets the log go on in a new epoch, whose origin is another one:
auditors see that it began, and the event log.epoch_started says why, which checkpoint is abandoned, and which key signs from now on
(the one in LOG_SIGNING_KEY, also if the one before is lost).

Examples:
  flagtrail log new-epoch --reason 'restored the backup of 02:00 after the storage failed'
  flagtrail log new-epoch --reason 'the key was lost' --by alice@example.com

DATABASE_URL names the database; without it, the embedded database in DATA_DIR, whose service must be stopped.`;

const byOption = ['--by <userId>', 'the user for whom the command acts; default: the user who runs it', parseUserId] as const;
const parseReason = (reason: string): string => {
  const { data, error } = text(1, 1000).safeParse(reason);
  if (data === undefined) throw new InvalidArgumentError(error.issues[0]?.message ?? 'not allowed');
  return data;
};

/** Adds `flagtrail log`, whose subcommands look after the key that signs the log. */
export const addLogCommand = (program: Command, deps: Deps): void => {
  const log = program
    .command('log')
    .description('look after the key that signs the log, and its epochs')
    .addHelpText('after', help);
  addKey(log, deps);
  addNewKey(log, deps);
  addRotateKey(log, deps);
  addNewEpoch(log, deps);
};

const openKey = async ({ logSigningKey, dataDir }: Pick<Config, 'logSigningKey' | 'dataDir'>): Promise<KeyObject> => {
  if (!logSigningKey)
    throw new Error(
      "LOG_SIGNING_KEY is not set; it is the key that signs the log, as the service has it: 'flagtrail log new-key' makes one",
    );
  return openSigningKey(logSigningKey, { dataDir });
};

const addKey = (log: Command, { readConfig, write, writeError, ...sources }: Deps): void => {
  log
    .command('key')
    .description('print the verifier line of the key that signs the log')
    .addHelpText('after', keyHelp)
    .action(async () => {
      const { id, signingKey } = await readOrAsk(sources, {
        read: async (database) => (await composeReads(database).readServiceFacts()).log,
        inquire: async (ask) =>
          (await ask<{ serviceStatus: { log: { id: string; signingKey: string | null } } }>(keyQuery)).serviceStatus.log,
      });
      const settings = readConfig({ roles: [], database: false });
      const readOwn = async () => verifierLine(keyNameOf(id), await openKey(settings));
      // The key need not be within reach of whoever asks for the line of the one that signs.
      const isGiven = settings.logSigningKey !== null && settings.logSigningKey.kind !== 'development';
      const own = signingKey === null ? await readOwn() : isGiven ? await readOwn().catch(() => null) : null;
      write(`${signingKey ?? own}\n`);
      if (own !== null && signingKey !== null && own !== signingKey)
        writeError(`The key in LOG_SIGNING_KEY is another one, which does not sign this log: ${own}\n`);
    });
};
const keyQuery = '{ serviceStatus { log { id signingKey } } }';

const addNewKey = (log: Command, { write, writeError }: Deps): void => {
  log
    .command('new-key')
    .description('make a key for LOG_SIGNING_KEY: an Ed25519 private key as PEM')
    .option('--output <file>', 'write to this new file, which only its owner can read; default: standard output', parseOutputFile)
    .addHelpText('after', newKeyHelp)
    .action(async ({ output }: { output?: string }) => {
      const pem = newSigningKey();
      if (output === undefined) return write(pem);
      await writeSecretFile(output, pem);
      writeError(`Wrote ${output}. Keep a copy in a safe place, and set LOG_SIGNING_KEY=${output}\n`);
    });
};

const addRotateKey = (log: Command, { open, readConfig, userName, write, writeError }: Deps): void => {
  const command = log.command('rotate-key').description('hand the log over to another key, which the old one signs');
  command
    .requiredOption('--to <file>', 'the file with the new key')
    .option(...byOption)
    .addHelpText('after', rotateHelp)
    .action(async ({ to, by }: { to: string; by?: string }) => {
      const userId = by ?? userName();
      if (userId === null) return command.error('error: the user who runs this has no name: set --by');
      const previous = await openKey(readConfig({ roles: [] }));
      const next = await readSigningKey(to, '--to');
      const { parts, close } = await open();
      try {
        const keys = { from: makeNoteSigner(previous), to: makeNoteSigner(next) };
        write(`${await parts.rotateKey(commandLineCaller('log', userId), keys)}\n`);
        writeError(
          `This key signs the log from now on. Set LOG_SIGNING_KEY to it (${to}) where ROLES has audit, and start those processes again: with the old key they sign no more.\n`,
        );
      } finally {
        await close();
      }
    });
};

const addNewEpoch = (log: Command, { open, readConfig, userName, write, writeError }: Deps): void => {
  const command = log.command('new-epoch').description('let a log go on that contradicts an earlier checkpoint, after a restore');
  command
    .requiredOption('--reason <text>', 'why, for the log: 1 to 1000 characters', parseReason)
    .option('--force', 'also if this command sees nothing that keeps the log from being signed')
    .option(...byOption)
    .addHelpText('after', epochHelp)
    .action(async ({ reason, force = false, by }: { reason: string; force?: boolean; by?: string }) => {
      const userId = by ?? userName();
      if (userId === null) return command.error('error: the user who runs this has no name: set --by');
      const key = await openKey(readConfig({ roles: [] }));
      const { parts, close } = await open();
      try {
        const input = { reason, force, signer: makeNoteSigner(key) };
        const point = await parts.startEpoch(key, commandLineCaller('log', userId), input);
        write(`${originOf(point)}\n`);
        writeError(
          `Epoch ${point.epoch} of the log begins at ${point.size} entries. Running processes with the role audit sign it within seconds. Tell the auditors why.\n`,
        );
      } finally {
        await close();
      }
    });
};
