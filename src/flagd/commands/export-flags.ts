import type { Caller } from '../../access/model/actor.ts';
import type { EnvironmentStore } from '../../environments/commands/environment-store.ts';
import { EnvironmentNotFoundError } from '../../environments/model/environment-errors.ts';
import type { FlagStore } from '../../flags/commands/flag-store.ts';
import { readFlagPages } from '../../flags/commands/read-flag-pages.ts';
import type { FlagExport } from '../../flags/model/flag-reads.ts';
import { bytesOf } from '../../kernel/json-size.ts';
import { type FlagdDocument, type OmittedFlag, toFlagdDocument } from '../model/flagd-document.ts';

/** What one answer may hold: it is made in memory, and more is the command line's to export. */
export const exportLimits = { flags: 10_000, bytes: 16 * 1024 * 1024 } as const;

/** There is more to export than one answer may hold. The message may be shown. */
export class ExportTooLargeError extends Error {
  override readonly name = 'ExportTooLargeError';
}

type Deps = {
  environments: EnvironmentStore;
  flags: Pick<FlagStore, 'list' | 'statesOf'>;
  /** Hears of what was exported, and by whom; must return at once. */
  onExported: (caller: Caller, exported: FlagExport) => void;
};

/**
 * One environment's flags as flagd defines them; what flagd cannot have is left out, and named with the reason. Throws EnvironmentNotFoundError, and an
 * ExportTooLargeError.
 */
export const makeExportFlags =
  ({ environments, flags, onExported }: Deps) =>
  async (caller: Caller, environment: string): Promise<FlagdDocument> => {
    const known = await environments.list();
    if (!known.some(({ key }) => key === environment)) throw new EnvironmentNotFoundError(environment);
    const { $schema, flags: all } = toFlagdDocument([]);
    const omitted: OmittedFlag[] = [];
    const size = { flags: 0, bytes: 0 };
    for await (const page of readFlagPages(flags, environment)) {
      const part = toFlagdDocument(page);
      size.flags += Object.keys(part.flags).length;
      size.bytes += bytesOf(part, exportLimits.bytes - size.bytes);
      if (size.flags > exportLimits.flags || size.bytes > exportLimits.bytes) {
        const { flags: most, bytes } = exportLimits;
        throw new ExportTooLargeError(
          `The flags of '${environment}' are more than ${most}, or ${bytes / 2 ** 20} MiB of JSON: use 'flagtrail export flags'`,
        );
      }
      Object.assign(all, part.flags);
      omitted.push(...(part.omitted ?? []));
    }
    onExported(caller, { environment, format: 'flagd', flags: size.flags });
    return { $schema, flags: all, ...(omitted.length > 0 && { omitted }) };
  };
