import { createPublicKey, hash, type KeyObject, verify } from 'node:crypto';
import { CouldNotCheck } from './outcome.ts';

// Signed notes and verifier lines as C2SP signed-note defines them, with Ed25519 only.

/** A public key that somebody gave, or that a key handed over to. */
export type Key = { name: string; id: string; publicKey: KeyObject; line: string };

type NoteSignature = { name: string; id: string; signature: Buffer };
/** `text` is what is signed: it ends with a newline. */
export type Note = { text: string; signatures: readonly NoteSignature[] };

const ed25519 = 1;
const keyLength = 32;
const idLength = 4;
/** What DER puts before the 32 bytes of an Ed25519 public key (RFC 8410). */
const derPrefix = Buffer.from('302a300506032b6570032100', 'hex');
const nameForm = /^[^\s+]+$/u;

const idOf = (name: string, typeAndKey: Uint8Array): string =>
  hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), typeAndKey]), 'buffer')
    .subarray(0, idLength)
    .toString('hex');

/** Buffer.from ignores what is not base64, so the text is written again and compared. */
const strictBase64 = (text: string): Buffer | null => {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : null;
};

/** Reads `<name>+<hash>+<base64>`. Throws CouldNotCheck. */
export const parseKey = (given: string): Key => {
  const line = given.trim();
  const [, name = '', id = '', encoded = ''] = /^([^+]*)\+([0-9a-f]{8})\+(.*)$/s.exec(line) ?? [];
  const bytes = strictBase64(encoded);
  if (!nameForm.test(name) || !bytes)
    throw new CouldNotCheck(`'${line}' is no verifier line; allowed: <name>+<hash>+<base64>, as 'flagtrail log key' prints it`);
  if (bytes[0] !== ed25519 || bytes.length !== 1 + keyLength)
    throw new CouldNotCheck(`the key '${name}+${id}' is not an Ed25519 key; allowed: Ed25519`);
  if (idOf(name, bytes) !== id)
    throw new CouldNotCheck(`the key '${name}+${id}' does not have this hash: a part of the line was changed`);
  const publicKey = createPublicKey({ key: Buffer.concat([derPrefix, bytes.subarray(1)]), format: 'der', type: 'spki' });
  return { name, id, publicKey, line };
};

const maxSignatures = 100;

/** Reads a signed note; null if the text is not one. */
export const parseNote = (note: string): Note | null => {
  const end = note.lastIndexOf('\n\n');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a note must not hold any, except newlines.
  if (end < 0 || !note.endsWith('\n') || /[\u0000-\u0009\u000b-\u001f]/.test(note)) return null;
  const lines = note.slice(end + 2, -1).split('\n');
  if (lines.length > maxSignatures) return null;
  const signatures: NoteSignature[] = [];
  for (const line of lines) {
    const [, name = '', encoded = ''] = /^— (\S+) (\S+)$/u.exec(line) ?? [];
    const bytes = strictBase64(encoded);
    if (!nameForm.test(name) || !bytes || bytes.length <= idLength) return null;
    signatures.push({ name, id: bytes.subarray(0, idLength).toString('hex'), signature: bytes.subarray(idLength) });
  }
  return { text: note.slice(0, end + 1), signatures };
};

/** Which of the keys signed the note: the first whose signature holds; `forged` if a signature in the name of one does not. */
export const signerOf = ({ text, signatures }: Note, keys: readonly Key[]): Key | 'forged' | null => {
  let signer: Key | null = null;
  for (const { name, id, signature } of signatures) {
    const key = keys.find((known) => known.name === name && known.id === id);
    if (!key) continue;
    if (!verify(null, Buffer.from(text), key.publicKey, signature)) return 'forged';
    signer ??= key;
  }
  return signer;
};
