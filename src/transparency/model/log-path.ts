import { tileWidth } from '../../audit/model/log-pruned.ts';

/** A resource of the log, as C2SP tlog-tiles lays it out; the disclosures are ours. `width` is that of a partial tile, or 256. */
export type LogResource =
  | { kind: 'checkpoint' }
  | { kind: 'tile'; level: number; index: number; width: number }
  | { kind: 'entries' | 'disclosures'; index: number; width: number };

const maxLevel = 63;

/** The path of a resource below the log's own: that of its address, and that of its file in an exported bundle. */
export const toLogPath = (resource: LogResource): string => {
  if (resource.kind === 'checkpoint') return 'checkpoint';
  const { index, width } = resource;
  const digits = String(index);
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, '0').match(/\d{3}/g) ?? [];
  const number = groups.map((group, i) => (i < groups.length - 1 ? `x${group}` : group)).join('/');
  return `${folderOf(resource)}/${number}${width < tileWidth ? `.p/${width}` : ''}`;
};

const folderOf = (resource: Exclude<LogResource, { kind: 'checkpoint' }>): string => {
  if (resource.kind === 'tile') return `tile/${resource.level}`;
  return resource.kind === 'entries' ? 'tile/entries' : 'disclosures';
};

const tilePattern = /^(?:tile\/(?:(\d{1,2})|(entries))|disclosures)\/((?:x\d{3}\/)*\d{3})(?:\.p\/(\d{1,3}))?$/;

/** Reads a path below the log's own. Null if it is not exactly as `toLogPath` writes it, so each resource has one address. */
export const parseLogPath = (path: string): LogResource | null => {
  if (path === 'checkpoint') return { kind: 'checkpoint' };
  const match = tilePattern.exec(path);
  if (!match) return null;
  const [, level, entries, number = '', partial] = match;
  const index = Number(number.replaceAll(/[x/]/g, ''));
  const width = partial === undefined ? tileWidth : Number(partial);
  if (!Number.isSafeInteger(index) || width < 1 || Number(level ?? 0) > maxLevel) return null;
  const resource: LogResource =
    level === undefined
      ? { kind: entries ? 'entries' : 'disclosures', index, width }
      : { kind: 'tile', level: Number(level), index, width };
  return toLogPath(resource) === path ? resource : null;
};
