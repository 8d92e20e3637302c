import { makePlaces } from '../kernel/limits/places.ts';
import { makeWaitingRoom } from '../kernel/limits/waiting-room.ts';

export type SocketLimits = {
  /** Most authenticated sockets of the process at a time. */
  maxSockets: number;
  /** Most authenticated sockets of one caller: an API key, or a token's actor. */
  maxSocketsPerCaller: number;
  /** Most sockets that are not authenticated yet, in all and from one address. */
  maxWaitingSockets: number;
  maxWaitingSocketsPerAddress: number;
};

/**
 * Counts the sockets of a process. Sockets that are not authenticated yet are counted separately, so that they take no places
 * from authenticated ones.
 */
export const makeSocketPlaces = ({
  maxSockets,
  maxSocketsPerCaller,
  maxWaitingSockets,
  maxWaitingSocketsPerAddress,
}: SocketLimits) => {
  const waiting = makeWaitingRoom({ max: maxWaitingSockets, maxPerAddress: maxWaitingSocketsPerAddress });
  const places = makePlaces({ max: maxSockets, maxPerCaller: maxSocketsPerCaller });

  return {
    isFull: places.isFull,
    /**
     * Admits a socket that is not authenticated yet; `turnOut` is called if others need its place. Returns a function that gives
     * the place back.
     */
    wait: waiting.enter,
    /** Takes a place for a caller. Returns a function that gives it back, or the reason why there is no place. */
    take: (caller: string): { leave: () => void } | { full: string } => {
      const place = places.take(caller);
      if (!('full' in place)) return place;
      const bound =
        place.full === 'process'
          ? `this process can have at most ${maxSockets} sockets`
          : `a caller can have at most ${maxSocketsPerCaller} sockets`;
      return { full: bound };
    },
  };
};
