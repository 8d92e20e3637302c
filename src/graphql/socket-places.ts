import { makeWaitingRoom } from '../domain/limits/waiting-room.ts';

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
  const ofCallers = new Map<string, number>();
  let taken = 0;
  const leaveOne = (caller: string) => {
    taken -= 1;
    const rest = (ofCallers.get(caller) ?? 0) - 1;
    if (rest > 0) ofCallers.set(caller, rest);
    else ofCallers.delete(caller);
  };

  return {
    isFull: (): boolean => taken >= maxSockets,
    /** Waits for authentication; `turnOut` is called where others need the room. Returns the way to leave. */
    wait: waiting.enter,
    /** Takes a place for a caller. Returns the way to leave it, or why there is none. */
    take: (caller: string): { leave: () => void } | { full: string } => {
      if (taken >= maxSockets) return { full: `this process takes ${maxSockets} sockets` };
      const own = ofCallers.get(caller) ?? 0;
      if (own >= maxSocketsPerCaller) return { full: `a caller has at most ${maxSocketsPerCaller} sockets` };
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
