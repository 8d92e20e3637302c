type Options = {
  /** Guests at a time. */
  max: number;
  /** Guests of one address at a time. */
  maxPerAddress: number;
};
type Guest = { address: string; turnOut: () => void };

/**
 * Room for guests who have not said who they are. When it is full, the one who has waited longest must go, from the same
 * address first. Honest guests say who they are at once, so a flood of silent ones keeps nobody out.
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
