import type { Writable } from 'node:stream';
import type { Command } from 'commander';
import type { CommandParts } from '../compose/command.ts';
import { type FlagdDocument, type OmittedFlag, toFlagdDocument } from '../flagd/model/flagd-document.ts';
import { commandLineCaller } from './command-line-caller.ts';
import { parseOutputFile, writeExport } from './export-destination.ts';
import { onOneLine } from './plain.ts';
import type { Terminal } from './progress-bar.ts';

type Deps = {
  /** Opens the configured database for one command. `close` releases everything. */
  open: () => Promise<{ parts: Pick<CommandParts, 'exportFlags'>; close: () => Promise<void> }>;
  /** The name of the user who runs the command; null if the user has none. */
  userName: () => string | null;
  stdout: Writable;
  stderr: Terminal;
};
type Options = { environment: string; output?: string };

const help = `
flagd reads this document, and so does every OpenFeature provider for flagd (https://flagd.dev/reference/flag-definitions/). A flag's
overrides, rules, rollout and experiment become one targeting rule in it. 'flagtrail import' reads it, too. Flags that flagd does not
support are left out: standard error and the document's "omitted" name them, with the reason.

Examples:
  flagtrail export flags --environment production > flags.flagd.json
  flagtrail export flags --environment staging --output flags.flagd.json && flagd start --uri file:flags.flagd.json

DATABASE_URL names the database; without it, the embedded database in DATA_DIR, whose service must be stopped.`;

/** Adds `flagtrail export flags`: one environment's flags as a flagd document. */
export const addExportFlagsCommand = (parent: Command, { open, userName, stdout, stderr }: Deps): void => {
  parent
    .command('flags')
    .description('write the flags of one environment as a flagd document (JSON)')
    .option('--environment <key>', 'the environment whose flag states to write', 'production')
    .option('--output <file>', 'write to this file, which appears when it is complete; default: standard output', parseOutputFile)
    .addHelpText('after', help)
    .action(async ({ environment, output }: Options) => {
      const { parts, close } = await open();
      try {
        const counts = { flags: 0, leftOut: 0 };
        const onLeftOut = ({ flagKey, reason }: OmittedFlag) => {
          counts.leftOut++;
          stderr.write(`left out ${onOneLine(flagKey)}: ${onOneLine(reason)}\n`);
        };
        const caller = commandLineCaller('export', userName() ?? 'unknown');
        const taken = await parts.exportFlags(caller, environment, async (pieces) => {
          const text = documentText(pieces, { onFlag: () => counts.flags++, onLeftOut });
          return (await writeExport(text, { file: output ?? null, stdout })) || null;
        });
        if (!taken) return;
        const leftOut = counts.leftOut > 0 ? `, ${counts.leftOut} left out` : '';
        stderr.write(`${counts.flags} flag${counts.flags === 1 ? '' : 's'} of ${onOneLine(environment)}${leftOut}\n`);
      } finally {
        await close();
      }
    });
};

type Listeners = {
  onFlag: () => void;
  onLeftOut: (flag: OmittedFlag) => void;
};

/** Writes the document piece by piece, with a line for each flag. */
async function* documentText(pieces: AsyncIterable<FlagdDocument>, { onFlag, onLeftOut }: Listeners) {
  const { $schema } = toFlagdDocument([]);
  yield `{\n  "$schema": ${JSON.stringify($schema)},\n  "flags": {`;
  let separator = '\n';
  const omitted: OmittedFlag[] = [];
  for await (const piece of pieces) {
    for (const flag of piece.omitted ?? []) {
      onLeftOut(flag);
      omitted.push(flag);
    }
    for (const [key, flag] of Object.entries(piece.flags)) {
      yield `${separator}    ${JSON.stringify(key)}: ${JSON.stringify(flag)}`;
      separator = ',\n';
      onFlag();
    }
  }
  yield '\n  }';
  if (omitted.length > 0) yield `,\n  "omitted": [\n${omitted.map((flag) => `    ${JSON.stringify(flag)}`).join(',\n')}\n  ]`;
  yield '\n}\n';
}
