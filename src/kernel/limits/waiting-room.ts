type Options = {
  /** How many guests there can be. */
  max: number;
  /** How many guests of one address there can be. */
  maxPerAddress: number;
};
type Guest = { address: string; evict: () => void };

/**
 * Room for guests who have not yet said who they are. When the room of an address, or all of it, is full, the guest who has
 * waited longest there is evicted. Honest guests say who they are at once, so a flood of silent ones keeps nobody out.
 */
export const makeWaitingRoom = ({ max, maxPerAddress }: Options) => {
  // In the order in which guests came.
  const guests = new Set<Guest>();
  const byAddress = new Map<string, Set<Guest>>();

  const remove = (guest: Guest): boolean => {
    const neighbours = byAddress.get(guest.address);
    neighbours?.delete(guest);
    if (neighbours?.size === 0) byAddress.delete(guest.address);
    return guests.delete(guest);
  };
  const evictFirstOf = (some: ReadonlySet<Guest>) => {
    const [first] = some;
    if (!first) return;
    remove(first);
    first.evict();
  };

  return {
    /**
     * Lets a guest in. `evict` is called if the guest must make room for another. Returns the function with which the guest
     * leaves.
     */
    enter: (address: string, evict: () => void): (() => void) => {
      const guest = { address, evict };
      const neighbours = byAddress.get(address);
      if (neighbours && neighbours.size >= maxPerAddress) evictFirstOf(neighbours);
      else if (guests.size >= max) evictFirstOf(guests);
      guests.add(guest);
      byAddress.set(address, (byAddress.get(address) ?? new Set()).add(guest));
      return () => void remove(guest);
    },
    size: (): number => guests.size,
  };
};
