type Options = {
  /** Guests at a time. */
  max: number;
  /** Guests of one address at a time. */
  maxPerAddress: number;
};
type Guest = { address: string; turnOut: () => void };

/**
 * Room for those of whom nothing is known yet. Where it is full, who has waited longest goes, of the same address first: who
 * has something to say has said it by then, so a flood of the silent keeps nobody else out.
 */
export const makeWaitingRoom = ({ max, maxPerAddress }: Options) => {
  // Sets keep the order in which guests came.
  const guests = new Set<Guest>();
  const byAddress = new Map<string, Set<Guest>>();

  const remove = (guest: Guest): boolean => {
    const neighbours = byAddress.get(guest.address);
    neighbours?.delete(guest);
    if (neighbours?.size === 0) byAddress.delete(guest.address);
    return guests.delete(guest);
  };
  const turnOutFirstOf = (some: ReadonlySet<Guest>) => {
    const [first] = some;
    if (!first) return;
    remove(first);
    first.turnOut();
  };

  return {
    /** Lets somebody in. `turnOut` is called where they must go before they have left. Returns the way to leave. */
    enter: (address: string, turnOut: () => void): (() => void) => {
      const guest = { address, turnOut };
      const neighbours = byAddress.get(address);
      if (neighbours && neighbours.size >= maxPerAddress) turnOutFirstOf(neighbours);
      else if (guests.size >= max) turnOutFirstOf(guests);
      guests.add(guest);
      byAddress.set(address, (byAddress.get(address) ?? new Set()).add(guest));
      return () => void remove(guest);
    },
    size: (): number => guests.size,
  };
};

export type WaitingRoom = ReturnType<typeof makeWaitingRoom>;
