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
  // When each will be full again; whoever took last stands last.
  const fullAtMs = new Map<string, number>();

  return {
    /** Takes `count` tokens, at most a bucket full, all or none. Returns 0, or after how many milliseconds there will be as many. */
    take: (key: string, count: number): number => {
      const now = nowMs();
      const costMs = (Math.min(count, burst) * 1000) / perSecond;
      // No bucket is emptier than empty, though the clock was set back.
      const emptyMs = Math.min(Math.max((fullAtMs.get(key) ?? now) - now, 0), fillMs);
      const waitMs = Math.ceil(emptyMs + costMs - fillMs);
      fullAtMs.delete(key);
      fullAtMs.set(key, now + emptyMs + (waitMs > 0 ? 0 : costMs));
      if (fullAtMs.size > maxKeys) fullAtMs.delete(fullAtMs.keys().next().value ?? '');
      return Math.max(waitMs, 0);
    },
    size: (): number => fullAtMs.size,
  };
};

export type TokenBuckets = ReturnType<typeof makeTokenBuckets>;
