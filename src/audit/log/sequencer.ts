import type { Logger } from 'pino';
import { makeLoop } from '../../kernel/loop.ts';
import type { Bus } from '../ports/bus.ts';

type Deps = {
  /** Moves up to `limit` events into the log. Returns how many it took from the outbox. */
  sequence: (limit: number) => Promise<number>;
  bus: Bus;
  logger: Logger;
};

const batchSize = 1000;
/** Half of the second within which a committed event must become visible. */
const pollMs = 500;

/**
 * Gives committed events their positions. Any number of processes can run a sequencer: they take turns by the lock of the log's
 * head.
 */
export const makeSequencer = ({ sequence, bus, logger }: Deps) => {
  const loop = makeLoop({
    work: async () => {
      const taken = await sequence(batchSize);
      if (taken > 0) bus.wake('log');
      return taken === batchSize;
    },
    pollMs,
    onError: (error) => {
      logger.error({ err: error }, 'sequencing failed; the outbox keeps its events until the next try');
      return undefined;
    },
  });
  let forget = () => {};
  return {
    start: () => {
      forget = bus.on('outbox', loop.wake);
      loop.start();
    },
    stop: async () => {
      forget();
      await loop.stop();
    },
  };
};
