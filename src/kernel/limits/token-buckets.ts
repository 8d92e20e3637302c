type Options = {
  /** What a bucket gains in a second. */
  perSecond: number;
  /** What a full bucket holds. */
  burst: number;
  /** Buckets kept at a time: of those who come beyond, who has been away longest starts with a full one. */
  maxKeys: number;
  nowMs: () => number;
};

/** Token buckets, one for each key. A bucket that is not there is full. */
export const makeTokenBuckets = ({ perSecond, burst, maxKeys, nowMs }: Options) => {
  const fillMs = (burst * 1000) / perSecond;
  // How long each takes to be full again, and since when; whoever took last stands last.
  const buckets = new Map<string, { missingMs: number; atMs: number }>();

  return {
    /** Takes `count` tokens, at most a bucket full, all or none. Returns 0, or after how many milliseconds there will be as many. */
    take: (key: string, count: number): number => {
      const now = nowMs();
      const costMs = (Math.min(count, burst) * 1000) / perSecond;
      const { missingMs: before, atMs } = buckets.get(key) ?? { missingMs: 0, atMs: now };
      // A clock that was set back gives nothing, and takes nothing.
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
