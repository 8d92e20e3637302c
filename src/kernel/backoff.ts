/** Delays between tries: `firstMs` after the first failure, doubled with each further failure, at most `maxMs`. */
export type Backoff = { firstMs: number; maxMs: number };

/**
 * How long to wait, in milliseconds, after `failures` (1 or more) failed tries in a row. The result is between half of the delay
 * and the whole delay, so that several processes do not try again at the same moment. `random` is in [0, 1).
 */
export const backoffMs = ({ firstMs, maxMs }: Backoff, failures: number, random: number): number =>
  Math.min(maxMs, firstMs * 2 ** (failures - 1)) * (0.5 + random / 2);
