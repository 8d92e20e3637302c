import { hashLength, tileWidth } from './tree.ts';

// The layout of C2SP tlog-tiles, for a server's URLs and a bundle's files alike.

/** 1234067 is x001/x234/067. */
const encodeIndex = (index: number): string => {
  const groups = [String(index % 1000).padStart(3, '0')];
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000))
    groups.unshift(`x${String(rest % 1000).padStart(3, '0')}`);
  return groups.join('/');
};

const named = (folder: string, index: number, width: number): string =>
  `${folder}/${encodeIndex(index)}${width === tileWidth ? '' : `.p/${width}`}`;

export const paths = {
  checkpoint: 'checkpoint',
  tile: (level: number, index: number, width: number): string => named(`tile/${level}`, index, width),
  entries: (index: number, width: number): string => named('tile/entries', index, width),
  disclosures: (index: number, width: number): string => named('disclosures', index, width),
  /** An entry that is too long for a bundle of entries. */
  largeEntry: (position: number): string => `large-entries/${position}`,
};

const mebibyte = 1024 * 1024;
const longestEntry = 65_535;

/** More bytes than the file can have where nobody is hostile: whoever sends more must not fill the memory. */
export const largestOf = (path: string): number => {
  if (path.startsWith('tile/entries/')) return tileWidth * (2 + longestEntry);
  if (path.startsWith('tile/')) return tileWidth * hashLength;
  if (path.startsWith('disclosures/')) return 256 * mebibyte;
  return path.startsWith('large-entries/') ? 64 * mebibyte : mebibyte;
};
