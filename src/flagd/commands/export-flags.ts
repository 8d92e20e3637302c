import type { Caller } from '../../access/model/actor.ts';
import type { EnvironmentStore } from '../../environments/commands/environment-store.ts';
import type { FlagStore } from '../../flags/commands/flag-store.ts';
import { readFlagPages } from '../../flags/commands/read-flag-pages.ts';
import type { FlagExport } from '../../flags/model/flag-reads.ts';
import { bytesOf } from '../../kernel/json-size.ts';
import { type FlagdDocument, type OmittedFlag, toFlagdDocument } from '../model/flagd-document.ts';
import { requireEnvironment } from './require-environment.ts';

type Deps = {
  environments: EnvironmentStore;
  flags: Pick<FlagStore, 'list' | 'statesOf'>;
  /** Called after an export; must return at once. */
  onExported: (caller: Caller, exported: FlagExport) => void;
};

/**
 * A document in pieces, each with some of the flags. Each piece is read on demand, so memory does not limit the number of
 * flags.
 */
type Pieces = AsyncIterable<FlagdDocument>;

/**
 * Exports one environment's flags in flagd's format. Flags that flagd does not support are left out, and listed with the
 * reason. `take` consumes the pieces and returns a result, or null if it could not take them all; then nothing is recorded,
 * because nobody has the export. Throws an EnvironmentNotFoundError, and what `take` throws.
 */
export const makeExportFlags =
  ({ environments, flags, onExported }: Deps) =>
  async <Taken>(caller: Caller, environment: string, take: (pieces: Pieces) => Promise<Taken | null>): Promise<Taken | null> => {
    await requireEnvironment(environments, environment);
    let count = 0;
    async function* pieces() {
      for await (const page of readFlagPages(flags, environment)) {
        const piece = toFlagdDocument(page);
        count += Object.keys(piece.flags).length;
        yield piece;
      }
    }
    const taken = await take(pieces());
    if (taken !== null) onExported(caller, { environment, format: 'flagd', flags: count });
    return taken;
  };

/** The most that one answer can hold, because it is built in memory. The command line exports more. */
export const exportLimits = { flags: 10_000, bytes: 16 * 1024 * 1024 } as const;

/** The export is too large for one answer. Its message can be shown to the caller. */
export class ExportTooLargeError extends Error {
  override readonly name = 'ExportTooLargeError';
}

/** Joins the pieces into one document. Throws an ExportTooLargeError. */
export const toOneDocument =
  (environment: string) =>
  async (pieces: Pieces): Promise<FlagdDocument> => {
    const { $schema, flags: all } = toFlagdDocument([]);
    const omitted: OmittedFlag[] = [];
    const size = { flags: 0, bytes: 0 };
    for await (const piece of pieces) {
      size.flags += Object.keys(piece.flags).length;
      size.bytes += bytesOf(piece, exportLimits.bytes - size.bytes);
      if (size.flags > exportLimits.flags || size.bytes > exportLimits.bytes) {
        const { flags: most, bytes } = exportLimits;
        throw new ExportTooLargeError(
          `Environment '${environment}' has more than ${most} flags, or more than ${bytes / 2 ** 20} MiB of them as JSON: use 'flagtrail export flags'`,
        );
      }
      Object.assign(all, piece.flags);
      omitted.push(...(piece.omitted ?? []));
    }
    return { $schema, flags: all, ...(omitted.length > 0 && { omitted }) };
  };
