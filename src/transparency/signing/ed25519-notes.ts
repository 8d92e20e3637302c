import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { formatNote, fromBase64, isKeyName, MalformedNoteError, parseNote } from '../model/note.ts';
import type { NoteSigner } from '../ports/note-signer.ts';

// Ed25519 signatures on notes (https://c2sp.org/signed-note#ed25519-signatures).

/** C2SP's byte for Ed25519. */
const ed25519 = 0x01;
const publicKeyBytes = 32;

type Verifier = { name: string; keyId: Buffer; publicKey: Buffer };

const keyIdOf = (name: string, publicKey: Buffer): Buffer =>
  createHash('sha256')
    .update(`${name}\n`)
    .update(Buffer.concat([Buffer.of(ed25519), publicKey]))
    .digest()
    .subarray(0, 4);

/** The 32 bytes of a key's public half. */
const publicBytesOf = (key: KeyObject): Buffer =>
  Buffer.from((key.type === 'private' ? createPublicKey(key) : key).export({ format: 'jwk' }).x ?? '', 'base64url');

/** A key's verifier line: what auditors need to verify its signatures. */
export const verifierLine = (name: string, key: KeyObject): string => {
  const publicKey = publicBytesOf(key);
  const encoded = Buffer.concat([Buffer.of(ed25519), publicKey]).toString('base64');
  return `${name}+${keyIdOf(name, publicKey).toString('hex')}+${encoded}`;
};

/** Reads a verifier line. Throws a MalformedNoteError. */
const parseVerifierLine = (line: string): Verifier => {
  const [, name = '', id = '', encoded = ''] = /^([^+]*)\+([0-9a-f]{8})\+(.*)$/su.exec(line) ?? [];
  const bytes = fromBase64(encoded);
  const publicKey = bytes?.subarray(1);
  if (!isKeyName(name) || !publicKey) throw new MalformedNoteError('a verifier line must be: name+id+base64');
  if (bytes?.[0] !== ed25519 || publicKey.length !== publicKeyBytes)
    throw new MalformedNoteError('the key of a verifier line must be an Ed25519 key');
  const keyId = keyIdOf(name, publicKey);
  if (keyId.toString('hex') !== id) throw new MalformedNoteError('the id in a verifier line must be that of its key');
  return { name, keyId, publicKey };
};

export const signNote = (text: string, { name, key }: { name: string; key: KeyObject }): string => {
  const signature = sign(null, Buffer.from(text), key);
  return formatNote({ text, signatures: [{ name, keyId: keyIdOf(name, publicBytesOf(key)), signature }] });
};

export const makeNoteSigner = (key: KeyObject): NoteSigner => ({
  verifierLine: (name) => verifierLine(name, key),
  sign: (text, name) => signNote(text, { name, key }),
});

/**
 * The text of a note that one of these keys signed; null if none of them did. Throws a MalformedNoteError for what is not a note,
 * and if a signature that claims to be by one of the keys is wrong.
 */
export const openNote = (note: string, verifierLines: readonly string[]): string | null => {
  const { text, signatures } = parseNote(note);
  const verifiers = verifierLines.map(parseVerifierLine);
  let isVerified = false;
  for (const { name, keyId, signature } of signatures) {
    const verifier = verifiers.find((one) => one.name === name && one.keyId.equals(keyId));
    if (!verifier) continue;
    if (!verify(null, Buffer.from(text), toPublicKey(verifier), signature))
      throw new MalformedNoteError(`the signature by ${name} is wrong`);
    isVerified = true;
  }
  return isVerified ? text : null;
};

const toPublicKey = ({ publicKey }: Verifier): KeyObject =>
  createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicKey.toString('base64url') }, format: 'jwk' });
