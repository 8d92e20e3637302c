import type { Logger } from 'pino';
import { makeLoop } from '../../kernel/loop.ts';
import type { Bus } from '../ports/bus.ts';

type Deps = {
  /** Removes personal data of up to `limit` events, in one transaction. Returns whether there is more to do. */
  erase: (limit: number) => Promise<boolean>;
  bus: Pick<Bus, 'on'>;
  logger: Logger;
};

const batchSize = 1000;
const pollMs = 10_000;

/**
 * Removes the disclosures of people who were erased, little by little. Readers leave them out already, so nobody waits for this,
 * and any process can go on where another one stopped.
 */
export const makeEraser = ({ erase, bus, logger }: Deps) => {
  const loop = makeLoop({
    work: () => erase(batchSize),
    pollMs,
    onError: (error) => {
      logger.error({ err: error }, 'erased personal data could not be removed yet; it is tried again');
      return undefined;
    },
  });
  let forget = () => {};
  return {
    start: () => {
      forget = bus.on('log', loop.wake);
      loop.start();
    },
    stop: async () => {
      forget();
      await loop.stop();
    },
  };
};
