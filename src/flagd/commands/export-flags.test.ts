import { describe, expect, it } from 'vitest';
import { anAdmin } from '../../../test/support/spine.ts';
import { EnvironmentNotFoundError } from '../../environments/model/environment-errors.ts';
import type { FlagStore } from '../../flags/commands/flag-store.ts';
import { newFlag } from '../../flags/model/flag.ts';
import type { FlagExport } from '../../flags/model/flag-reads.ts';
import { newFlagState } from '../../flags/model/flag-state.ts';
import type { Json } from '../../kernel/json.ts';
import { ExportTooLargeError, exportLimits, makeExportFlags, toOneDocument } from './export-flags.ts';

const now = new Date('2026-11-20T09:00:00Z');

const environments = { list: async () => [{ key: 'production', name: 'Production', enabled: true }] };

/** A store of so many flags, with a variant of this value. */
const storeOf = (count: number, value: NonNullable<Json> = true): Pick<FlagStore, 'list' | 'statesOf'> => {
  const flags = Array.from({ length: count }, (_, index) => {
    const key = `f${String(index).padStart(6, '0')}`;
    return newFlag(
      { key, name: key, type: typeof value === 'string' ? 'STRING' : 'BOOLEAN', variants: [{ key: 'v', value }] },
      { id: key, now },
    );
  });
  return {
    list: async (_filter, { after, limit }) => {
      const start = flags.findIndex(({ key }) => key > (after?.key ?? ''));
      return start < 0 ? [] : flags.slice(start, start + limit);
    },
    statesOf: async (ids, environment = '') => new Map(ids.map((id) => [id, [newFlagState({ id }, environment, now)]])),
  };
};
const exportOf = async (store: ReturnType<typeof storeOf>) => {
  const exported: FlagExport[] = [];
  const exportFlags = makeExportFlags({ environments, flags: store, onExported: (_caller, what) => exported.push(what) });
  const document = await exportFlags(anAdmin(), 'production', toOneDocument('production'));
  return { keys: Object.keys(document?.flags ?? {}), exported };
};

describe('an export of flags', () => {
  it('reads a page only when the one before is taken, and is recorded once, when the last one is', async () => {
    const store = storeOf(450);
    const read: number[] = [];
    const list: typeof store.list = async (...args) => {
      const page = await store.list(...args);
      read.push(page.length);
      return page;
    };
    const exported: FlagExport[] = [];
    const exportFlags = makeExportFlags({
      environments,
      flags: { ...store, list },
      onExported: (_caller, what) => exported.push(what),
    });
    const seen: unknown[] = [];
    await exportFlags(anAdmin(), 'production', async (pieces) => {
      for await (const { flags } of pieces) seen.push([Object.keys(flags).length, [...read], exported.length]);
      return true;
    });
    expect(seen).toEqual([
      [200, [200], 0],
      [200, [200, 200], 0],
      [50, [200, 200, 50], 0],
    ]);
    expect(exported).toEqual([{ environment: 'production', format: 'flagd', flags: 450 }]);
  });

  it('is not recorded where nobody could take it', async () => {
    const exported: FlagExport[] = [];
    const exportFlags = makeExportFlags({ environments, flags: storeOf(3), onExported: (_caller, what) => exported.push(what) });
    expect(await exportFlags(anAdmin(), 'production', async () => null)).toBeNull();
    await expect(exportFlags(anAdmin(), 'nowhere', async () => true)).rejects.toThrow(EnvironmentNotFoundError);
    await expect(exportOf(storeOf(exportLimits.flags + 1))).rejects.toThrow(ExportTooLargeError);
    expect(exported).toEqual([]);
  });

  it('holds as many flags as it may, and tells how many those are', async () => {
    const { keys, exported } = await exportOf(storeOf(exportLimits.flags));
    expect(keys).toHaveLength(exportLimits.flags);
    expect(exported).toEqual([{ environment: 'production', format: 'flagd', flags: exportLimits.flags }]);
  });

  it('refuses one more, and more JSON than an answer may be', async () => {
    await expect(exportOf(storeOf(exportLimits.flags + 1))).rejects.toThrow(ExportTooLargeError);
    await expect(exportOf(storeOf(600, 'x'.repeat(30_000)))).rejects.toThrow(ExportTooLargeError);
    expect((await exportOf(storeOf(500, 'x'.repeat(30_000)))).keys).toHaveLength(500);
  });

  it('counts bytes, of which some characters have several', async () => {
    const exported = exportOf(storeOf(600, 'é'.repeat(15_000)));
    await expect(exported).rejects.toThrow(
      "Environment 'production' has more than 10000 flags, or more than 16 MiB of them as JSON",
    );
    expect((await exportOf(storeOf(500, 'é'.repeat(15_000)))).keys).toHaveLength(500);
  });

  it('of no flags is a document, too', async () => {
    expect(await exportOf(storeOf(0))).toMatchObject({ keys: [], exported: [{ flags: 0 }] });
  });
});
