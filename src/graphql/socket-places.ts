import { makePlaces } from '../kernel/limits/places.ts';
import { makeWaitingRoom } from '../kernel/limits/waiting-room.ts';

export type SocketLimits = {
  /** Authenticated sockets of the process at a time. */
  maxSockets: number;
  /** Of them, those of one caller: an API key, or a token's actor. */
  maxSocketsPerCaller: number;
  /** Sockets that have not authenticated yet, at a time, in all and from one address. */
  maxWaitingSockets: number;
  maxWaitingSocketsPerAddress: number;
};

/**
 * Who has a place among the sockets of a process. Those who have not said who they are are counted apart: they take no place
 * from those who have.
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
    /** Waits for authentication; `turnOut` is called where others need the room. Returns the way to leave. */
    wait: waiting.enter,
    /** Takes a place for a caller. Returns the way to leave it, or why there is none. */
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
