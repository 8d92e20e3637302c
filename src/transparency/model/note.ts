// Signed notes as text (https://c2sp.org/signed-note). Keys and signatures are checked where there is cryptography.

/** A signature on a note. Its key is known by the name and the id together. */
type NoteSignature = { name: string; keyId: Buffer; signature: Buffer };
export type SignedNote = { text: string; signatures: readonly NoteSignature[] };

/** The text is not a note, or not a key, in the form that C2SP prescribes. */
export class MalformedNoteError extends Error {
  override readonly name = 'MalformedNoteError';
}

/** Bounds the work that a note from outside can cause. C2SP asks for 16 at least. */
const maxSignatures = 100;
const idBytes = 4;

/** A key's name: not empty, without spaces and plus signs. */
export const isKeyName = (name: string): boolean => name !== '' && name.isWellFormed() && !/[\s\u0085+]/u.test(name);

/** The bytes of standard base64; null if the text is not exactly that. */
export const fromBase64 = (text: string): Buffer | null => {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : null;
};

/** Throws a MalformedNoteError if this cannot be a note's text: lines that end in a newline, without control characters. */
const checkText = (text: string): void => {
  if (!text.endsWith('\n')) throw new MalformedNoteError('the text of a note must end in a newline');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (!text.isWellFormed() || /[\0-\x09\x0b-\x1f]/.test(text))
    throw new MalformedNoteError('a note must be UTF-8 without control characters other than newlines');
};

export const formatNote = ({ text, signatures }: SignedNote): string => {
  checkText(text);
  const lines = signatures.map(
    ({ name, keyId, signature }) => `— ${name} ${Buffer.concat([keyId, signature]).toString('base64')}\n`,
  );
  return `${text}\n${lines.join('')}`;
};

/** Takes a note apart. Throws a MalformedNoteError. The text must not be used before a signature is verified. */
export const parseNote = (note: string): SignedNote => {
  checkText(note);
  // The text can hold empty lines, the signatures cannot.
  const end = note.lastIndexOf('\n\n');
  if (end < 0) throw new MalformedNoteError('a note must have an empty line before its signatures');
  const lines = note.slice(end + 2, -1).split('\n');
  if (lines.length > maxSignatures) throw new MalformedNoteError(`a note can have at most ${maxSignatures} signatures`);
  return { text: note.slice(0, end + 1), signatures: lines.map(parseSignature) };
};

const parseSignature = (line: string): NoteSignature => {
  const [, name = '', encoded = ''] = /^— (\S+) (\S+)$/u.exec(line) ?? [];
  const bytes = fromBase64(encoded);
  if (!isKeyName(name) || !bytes || bytes.length <= idBytes)
    throw new MalformedNoteError('a signature line must be: em dash, name of the key, base64 of its id and the signature');
  return { name, keyId: bytes.subarray(0, idBytes), signature: bytes.subarray(idBytes) };
};
