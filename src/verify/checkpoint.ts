import { type Note, parseNote } from './note.ts';
import { hashLength } from './tree.ts';

/** What a C2SP tlog-checkpoint says: the log `origin` has this root at this size. */
export type Checkpoint = { origin: string; size: number; root: Buffer; note: Note };

/** Reads a checkpoint; null if the text is not one. */
export const parseCheckpoint = (text: string): Checkpoint | null => {
  const note = parseNote(text);
  if (!note) return null;
  const [origin = '', size = '', encodedRoot = ''] = note.text.split('\n');
  const root = Buffer.from(encodedRoot, 'base64');
  if (origin === '' || !/^(0|[1-9]\d{0,15})$/.test(size) || !Number.isSafeInteger(Number(size))) return null;
  if (root.length !== hashLength || root.toString('base64') !== encodedRoot) return null;
  return { origin, size: Number(size), root, note };
};

/** Splits a text with one checkpoint after the other, as an anchor's file holds them. Blank lines between them may be missing. */
export const splitNotes = (text: string): string[] => {
  const notes: string[] = [];
  let current: string[] = [];
  let isSigned = false;
  const end = () => {
    if (current.some((line) => line !== '')) notes.push(`${current.join('\n')}\n`);
    [current, isSigned] = [[], false];
  };
  for (const line of text.replaceAll('\r\n', '\n').split('\n')) {
    const isSignature = line.startsWith('— ');
    if (isSigned && !isSignature) end();
    if (line === '' && current.length === 0) continue;
    isSigned ||= isSignature;
    current.push(line);
  }
  end();
  return notes;
};

/** The log's own name and its epoch: an origin is `<name>`, or from the second epoch on `<name>/<epoch>`. */
export const parseOrigin = (origin: string): { log: string; epoch: number } => {
  const [, log = origin, epoch = '1'] = /^(.*\/[0-9a-f-]{36})\/([1-9]\d{0,8})$/.exec(origin) ?? [];
  return { log, epoch: Number(epoch) };
};
