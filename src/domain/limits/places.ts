export type PlaceLimits = { max: number; maxPerCaller: number };

/** Places that callers take for as long as they like. There is no line: what finds none is refused. */
export const makePlaces = ({ max, maxPerCaller }: PlaceLimits) => {
  const ofCallers = new Map<string, number>();
  let taken = 0;
  const leaveOne = (caller: string) => {
    taken -= 1;
    const rest = (ofCallers.get(caller) ?? 0) - 1;
    if (rest > 0) ofCallers.set(caller, rest);
    else ofCallers.delete(caller);
  };

  return {
    isFull: (): boolean => taken >= max,
    /** Takes a place for a caller. Returns the way to leave it, or whose places are full. */
    take: (caller: string): { leave: () => void } | { full: 'process' | 'caller' } => {
      if (taken >= max) return { full: 'process' };
      const own = ofCallers.get(caller) ?? 0;
      if (own >= maxPerCaller) return { full: 'caller' };
      taken += 1;
      ofCallers.set(caller, own + 1);
      let left = false;
      const leave = () => {
        if (!left) leaveOne(caller);
        left = true;
      };
      return { leave };
    },
  };
};

export type Places = ReturnType<typeof makePlaces>;
