import { parseOrigin } from './checkpoint.ts';
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
      if (!note) return false;
      const [origin = '', act = '', line = ''] = note.text.split('\n');
      const handsOver = (signer: Key) => act === 'log.key_rotated' && parseOrigin(origin).log === signer.name;
      const add = (key: Key) => {
        if (keys.some((known) => known.line === key.line)) return false;
        keys.push(key);
        return true;
      };
      const signer = signerOf(note, keys);
      if (signer && signer !== 'forged') return handsOver(signer) && add(parseKey(line));
      if (previousKey === null || !keys.some((known) => known.line === line)) return false;
      const previous = parseKey(previousKey);
      return signerOf(note, [previous]) === previous && handsOver(previous) && add(previous);
    },
  };
};
