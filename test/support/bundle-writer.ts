import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { EventFields } from './emit.ts';
import { aLogEntry } from './log-entries.ts';
import { type LogSigner, leafOf, rootOf } from './log-signer.ts';

// Writes a log in the layout of C2SP tlog-tiles, from the specification and without the service's code.

export type BundledEvent = { entry: string; disclosures: readonly string[] };

export const aBundledEvent = (n: number, fields: EventFields = {}): BundledEvent => {
  const { entry, disclosures } = aLogEntry(n, fields);
  return { entry, disclosures: disclosures === '' ? [] : disclosures.split('\n') };
};

const width = 256;
const numberOf = (index: number): string => {
  const digits = String(index).padStart(Math.ceil(String(index).length / 3) * 3, '0');
  const groups = digits.match(/.{3}/g) ?? [];
  return groups.map((group, n) => (n === groups.length - 1 ? group : `x${group}`)).join('/');
};
/** Where a file of `count` things is. */
export const pathOf = (folder: string, index: number, count = width): string =>
  `${folder}/${numberOf(index)}${count === width ? '' : `.p/${count}`}`;

const chunk = <Item>(items: readonly Item[]): Item[][] =>
  Array.from({ length: Math.ceil(items.length / width) }, (_, n) => items.slice(n * width, (n + 1) * width));

const frame = (entry: string): Buffer => {
  const bytes = Buffer.from(entry);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length > 65_535 ? 0 : bytes.length);
  return bytes.length > 65_535 ? length : Buffer.concat([length, bytes]);
};

/** The files of a log, by their paths. */
export const filesOfLog = (events: readonly BundledEvent[], signer: LogSigner, origin = signer.name): Map<string, Buffer> => {
  const leaves = events.map(({ entry }) => leafOf(entry));
  const files = new Map<string, Buffer>([['checkpoint', Buffer.from(signer.checkpoint(events.length, rootOf(leaves), origin))]]);
  for (let [level, hashes] = [0, leaves]; hashes.length > 0; level++) {
    const tiles = chunk(hashes);
    for (const [n, tile] of tiles.entries()) files.set(pathOf(`tile/${level}`, n, tile.length), Buffer.concat(tile));
    hashes = tiles.filter((tile) => tile.length === width).map((tile) => rootOf(tile));
  }
  for (const [n, part] of chunk(events).entries()) {
    const lines = part.map(({ disclosures }) =>
      JSON.stringify(disclosures.map((line) => Buffer.from(line).toString('base64url'))),
    );
    files.set(pathOf('tile/entries', n, part.length), Buffer.concat(part.map(({ entry }) => frame(entry))));
    files.set(pathOf('disclosures', n, part.length), Buffer.from(`${lines.join('\n')}\n`));
  }
  for (const [n, { entry }] of events.entries())
    if (Buffer.byteLength(entry) > 65_535) files.set(`large-entries/${n + 1}`, Buffer.from(entry));
  return files;
};

export const writeFiles = (folder: string, files: ReadonlyMap<string, Buffer>): void => {
  rmSync(folder, { recursive: true, force: true });
  for (const [name, bytes] of files) {
    mkdirSync(path.join(folder, path.dirname(name)), { recursive: true });
    writeFileSync(path.join(folder, name), bytes);
  }
};
