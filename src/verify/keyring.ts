import { type Key, type Note, parseKey, parseNote, signerOf } from './note.ts';

/** The keys whose checkpoints count: those that were given, and those to which one of them handed over. */
export type Keyring = {
  keys(): readonly Key[];
  /** Who signed the note; `forged` if a signature in a known key's name does not hold; null if no known key signed it. */
  signerOf(note: Note): Key | 'forged' | null;
  /**
   * Learns the new key, if a known key signed the hand-over. Where the keys are not the auditor's, `previousKey` (else null) is
   * learnt as well, if it handed over to a known one. Returns whether anything was learnt.
   */
  learn(handover: string, previousKey: string | null): boolean;
};

export const makeKeyring = (given: readonly Key[]): Keyring => {
  const keys = [...given];
  return {
    keys: () => keys,
    signerOf: (note) => signerOf(note, keys),
    learn: (handover, previousKey) => {
      const note = parseNote(handover);
      // The text is the new key's line and nothing else. A checkpoint has three lines at least, so neither stands for the other.
      const [line = '', ...more] = note?.text.split('\n') ?? [];
      if (!note || more.join() !== '') return false;
      const add = (key: Key) => {
        if (keys.some((known) => known.line === key.line)) return false;
        keys.push(key);
        return true;
      };
      const next = readKey(line);
      if (!next) return false;
      const signer = signerOf(note, keys);
      if (signer && signer !== 'forged') return signer.name === next.name && add(next);
      const previous = previousKey === null ? null : readKey(previousKey);
      if (!previous || previous.name !== next.name || !keys.some((known) => known.line === next.line)) return false;
      return signerOf(note, [previous]) === previous && add(previous);
    },
  };
};

/** Reads a key from a recorded line; null if the line is not a verifier line. */
const readKey = (line: string): Key | null => {
  try {
    return parseKey(line);
  } catch {
    return null;
  }
};
