/** Delays between tries: `firstMs`, doubled with each further failure, at most `maxMs`. */
export type Backoff = { firstMs: number; maxMs: number };

/**
 * How long to wait after `failures` tries that failed in a row (1 or more), in milliseconds: between half of the delay and
 * all of it, so that several processes do not come back at once. `random` is in [0, 1).
 */
export const backoffMs = ({ firstMs, maxMs }: Backoff, failures: number, random: number): number =>
  Math.min(maxMs, firstMs * 2 ** (failures - 1)) * (0.5 + random / 2);
