import type { Tiles } from './tiles.ts';

/** What a bundle is made of, all of one instant. */
export type BundleReads = Tiles & {
  /** An entry of any length. Throws if the log does not have it. */
  entry(position: number): Promise<string>;
  /** Whether something was pruned or erased that an event of the log declares only beyond its first `size` entries, or soon. */
  forgetsBeyond(size: number): Promise<boolean>;
};

/** Where a bundle is written to. */
export type BundleWriter = { write(path: string, content: Buffer | AsyncIterable<string>): Promise<void> };
