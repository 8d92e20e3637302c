export type PlaceLimits = { max: number; maxPerCaller: number };

/** Places, or bytes, that callers take for as long as they like. There is no line: what finds none is refused. */
export const makePlaces = ({ max, maxPerCaller }: PlaceLimits) => {
  const ofCallers = new Map<string, number>();
  let taken = 0;
  const leaveSome = (caller: string, some: number) => {
    taken -= some;
    const rest = (ofCallers.get(caller) ?? 0) - some;
    if (rest > 0) ofCallers.set(caller, rest);
    else ofCallers.delete(caller);
  };

  return {
    isFull: (): boolean => taken >= max,
    /** Takes some for a caller, one unless told. Returns the way to leave it, or whose places are full. */
    take: (caller: string, some = 1): { leave: () => void } | { full: 'process' | 'caller' } => {
      if (taken + some > max) return { full: 'process' };
      const own = ofCallers.get(caller) ?? 0;
      if (own + some > maxPerCaller) return { full: 'caller' };
      taken += some;
      ofCallers.set(caller, own + some);
      let left = false;
      const leave = () => {
        if (!left) leaveSome(caller, some);
        left = true;
      };
      return { leave };
    },
  };
};
