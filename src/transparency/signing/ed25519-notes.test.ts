import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { openNote, signNote, verifierLine } from './ed25519-notes.ts';

// Keys and notes of Go's reference implementation: golang.org/x/mod/sumdb/note/note_test.go.
const peter = {
  line: 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW',
  seed: Buffer.from('AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz', 'base64').subarray(1),
};
const enoch = { line: 'EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop' };
const text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const byPeter = '— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n';
const byEnoch = '— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n';
const note = `${text}\n${byPeter}`;

/** RFC 8410 puts this before the 32 bytes of an Ed25519 key. */
const pkcs8Head = Buffer.from('302e020100300506032b657004220420', 'hex');
const peterKey = createPrivateKey({ key: Buffer.concat([pkcs8Head, peter.seed]), format: 'der', type: 'pkcs8' });

describe('a note', () => {
  it('is signed as Go signs it', () => {
    expect(signNote(text, { name: 'PeterNeumann', key: peterKey })).toBe(note);
    expect(verifierLine('PeterNeumann', peterKey)).toBe(peter.line);
  });

  it('opens with the keys of Go, whichever of its signatures they made', () => {
    expect(openNote(note, [peter.line])).toBe(text);
    expect(openNote(`${text}\n${byPeter}${byEnoch}`, [enoch.line])).toBe(text);
    expect(openNote(`${text}\n${byEnoch}${byPeter}${byEnoch}`, [peter.line, enoch.line])).toBe(text);
  });

  it('opens with no other key, even one that shares the name', () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    expect(openNote(note, [])).toBe(null);
    expect(openNote(note, [enoch.line, verifierLine('PeterNeumann', privateKey)])).toBe(null);
  });

  it('of which any byte is changed does not open', () => {
    const bytes = Buffer.from(note);
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(opens(changed.toString()), `byte ${at}`).toBe(false);
    }
  });

  it.each([
    ['without signatures', text],
    ['that ends after the empty line', `${text}\n`],
    ['that does not end in a newline', note.slice(0, -1)],
    ['with a control character', `\x01${note}`],
    ['with half a character', `\ud800${note}`],
    ['with a key name of two words', `${text}\n${byPeter.replace('PeterNeumann', 'Peter Neumann')}`],
    ['with a line after its signatures', `${note}Unexpected line.\n`],
    ['with more than 100 signatures', `${text}\n${byPeter.repeat(101)}`],
    ['with a longer signature by a known key', `${text}\n${byPeter.slice(0, 60)}ABCD${byPeter.slice(60)}`],
  ])('%s is refused', (_what, malformed) => {
    expect(() => openNote(malformed, [peter.line])).toThrow(expect.objectContaining({ name: 'MalformedNoteError' }));
  });
});

describe('a verifier line', () => {
  it('is refused if any part of it is missing or changed', () => {
    for (let from = 0; from <= peter.line.length; from++) {
      for (let to = from + 1; to <= peter.line.length; to++) {
        if (to - from < peter.line.length) expect(reads(peter.line.slice(from, to)), `${from} to ${to}`).toBe(false);
      }
    }
    for (let at = 0; at < peter.line.length; at++) {
      const next = String.fromCharCode(peter.line.charCodeAt(at) + 1);
      expect(reads(`${peter.line.slice(0, at)}${next}${peter.line.slice(at + 1)}`), `character ${at}`).toBe(false);
    }
  });

  it.each([
    ['of another length', 'PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY=='],
    ['of another algorithm', 'PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'],
  ])('with a key %s is refused', (_what, line) => {
    expect(reads(line)).toBe(false);
  });
});

function opens(changed: string): boolean {
  try {
    return openNote(changed, [peter.line]) !== null;
  } catch {
    return false;
  }
}

function reads(line: string): boolean {
  try {
    return openNote(note, [line]) !== undefined;
  } catch {
    return false;
  }
}
