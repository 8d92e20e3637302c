export type PlaceLimits = { max: number; maxPerCaller: number };

/** Places, or bytes, that callers keep for as long as they like. There is no queue: without room, the caller is refused. */
export const makePlaces = ({ max, maxPerCaller }: PlaceLimits) => {
  const takenByCaller = new Map<string, number>();
  let taken = 0;
  const giveBack = (caller: string, count: number) => {
    taken -= count;
    const rest = (takenByCaller.get(caller) ?? 0) - count;
    if (rest > 0) takenByCaller.set(caller, rest);
    else takenByCaller.delete(caller);
  };

  return {
    isFull: (): boolean => taken >= max,
    /** Takes `count` places for a caller. Returns the function that gives them back, or says whose places are full. */
    take: (caller: string, count = 1): { leave: () => void } | { full: 'process' | 'caller' } => {
      if (taken + count > max) return { full: 'process' };
      const own = takenByCaller.get(caller) ?? 0;
      if (own + count > maxPerCaller) return { full: 'caller' };
      taken += count;
      takenByCaller.set(caller, own + count);
      let left = false;
      const leave = () => {
        if (!left) giveBack(caller, count);
        left = true;
      };
      return { leave };
    },
  };
};
