type Options = {
  /** Tokens that a bucket gains per second. */
  perSecond: number;
  /** Tokens in a full bucket. */
  burst: number;
  /**
   * How many buckets are kept. Beyond that, the bucket that was used longest ago is dropped, so its key starts with a full one.
   */
  maxKeys: number;
  nowMs: () => number;
};

/** Token buckets, one for each key. A key without a bucket counts as full. */
export const makeTokenBuckets = ({ perSecond, burst, maxKeys, nowMs }: Options) => {
  const fillMs = (burst * 1000) / perSecond;
  // How long each bucket needs until it is full again, counted from `atMs`. The one used last is at the end.
  const buckets = new Map<string, { missingMs: number; atMs: number }>();

  return {
    /**
     * Takes `count` tokens, or a full bucket if `count` is more: all of them or none. Returns 0, or how many milliseconds to wait
     * until there are enough.
     */
    take: (key: string, count: number): number => {
      const now = nowMs();
      const costMs = (Math.min(count, burst) * 1000) / perSecond;
      const { missingMs: before, atMs } = buckets.get(key) ?? { missingMs: 0, atMs: now };
      // If the clock was set back, the bucket neither gains nor loses tokens.
      const missingMs = Math.max(before - Math.max(now - atMs, 0), 0);
      const waitMs = Math.ceil(missingMs + costMs - fillMs);
      buckets.delete(key);
      buckets.set(key, { missingMs: missingMs + (waitMs > 0 ? 0 : costMs), atMs: now });
      if (buckets.size > maxKeys) buckets.delete(buckets.keys().next().value ?? '');
      return Math.max(waitMs, 0);
    },
    size: (): number => buckets.size,
  };
};
