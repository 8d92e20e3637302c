/** A key that signs notes. Its private half never leaves it. */
export type NoteSigner = {
  /** What auditors need to verify its signatures. */
  verifierLine(name: string): string;
  /** The text with a signature under this name. */
  sign(text: string, name: string): string;
};
