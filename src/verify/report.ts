import type { Finding } from './outcome.ts';

/** How much was looked at, and found as it should be. */
export type Checked = {
  entries: number;
  /** Entries of the form that has no disclosures. */
  oldEntries: number;
  /** Places whose entries were pruned, so that only their hashes are left. */
  pruned: number;
  /** Events whose disclosures the source does not give, so that only their entries were checked. */
  undisclosed: number;
  columns: number;
  disclosures: number;
  /** Events of which a person was erased. */
  erased: number;
  /** Events that never reached the log, as its events `audit.loss` declare. */
  declaredLost: number;
  tiles: number;
  checkpoints: number;
  pins: number;
};

export const nothingChecked = (): Checked => ({
  entries: 0,
  oldEntries: 0,
  pruned: 0,
  undisclosed: 0,
  columns: 0,
  disclosures: 0,
  erased: 0,
  declaredLost: 0,
  tiles: 0,
  checkpoints: 0,
  pins: 0,
});

/** How the current states compare with what replaying the log gives. */
export type StatesChecked = {
  flags: number;
  states: number;
  environments: number;
  schedules: number;
  /** What the log cannot tell, and why. */
  notChecked: { [reason: string]: number };
};

type Outcome = 'good' | 'tampered' | 'could not check';

export type Report = {
  outcome: Outcome;
  /** The first bad place and why, if the log was tampered with. */
  finding: Finding | null;
  /** Why it could not be checked. */
  reason: string | null;
  log: string | null;
  size: number;
  /** The root at `size`, in base64. */
  root: string;
  /** Up to here a signature that counts covers the log. */
  signedTo: number;
  keys: readonly string[];
  checked: Checked;
  states: StatesChecked | null;
  /** What the auditor should know although nothing is wrong. */
  warnings: readonly string[];
};

export const exitCodeOf = ({ outcome }: Pick<Report, 'outcome'>): number =>
  ({ good: 0, tampered: 1, 'could not check': 2 })[outcome];
