/** What is wrong, in a word for machines. */
export type FindingKind =
  | 'entry'
  | 'column'
  | 'disclosure'
  | 'missing'
  | 'extra'
  | 'tile'
  | 'head'
  | 'root'
  | 'fork'
  | 'rollback'
  | 'checkpoint'
  | 'key'
  | 'pruned'
  | 'epoch'
  | 'state';

/** The first thing that is not as it should be. `from` and `to` are positions, the same if it is one; null: of none. */
export type Finding = { kind: FindingKind; from: number | null; to: number | null; sentence: string };

/** The log, or what was made of it, is not what was recorded and signed. */
export class Tampered extends Error {
  readonly finding: Finding;
  constructor(kind: FindingKind, where: number | [from: number, to: number] | null, sentence: string) {
    super(sentence);
    const [from, to] = where === null ? [null, null] : typeof where === 'number' ? [where, where] : where;
    this.finding = { kind, from, to, sentence };
  }
}

/** Something that the verification needs is not there, so it can say neither "good" nor "tampered". */
export class CouldNotCheck extends Error {}

/** The server did not answer, or not now: trying again later may help. */
export class Unreachable extends CouldNotCheck {}

/** "position 7", or "positions 7 to 9". */
export const positions = (from: number, to: number): string => (from >= to ? `position ${to}` : `positions ${from} to ${to}`);
