import type { Logger } from 'pino';
import { type Backoff, backoffMs } from '../../kernel/backoff.ts';
import type { Random } from '../../kernel/clock.ts';
import { makeLoop } from '../../kernel/loop.ts';
import type { Anchor } from '../ports/anchor.ts';

type Deps = {
  anchor: Anchor;
  /** Called with each note that the anchor holds, before anything is put there. Returns why it is of no use here, or null. */
  onFound: (note: string) => Promise<string | null>;
  logger: Pick<Logger, 'warn' | 'info' | 'debug'>;
  random: Random;
  /** Describes any error on one line. */
  describe: (error: unknown) => string;
  backoff?: Backoff;
};

/** It works only when it is woken. */
const pollMs = 3_600_000;

/**
 * Brings checkpoints to an anchor: first it reads what is there, then it puts the latest note. Notes that wait are replaced by later
 * ones. Failures are retried; signing waits for none of this.
 */
export const makeAnchorRunner = ({
  anchor,
  onFound,
  logger,
  random,
  describe,
  backoff = { firstMs: 500, maxMs: 30_000 },
}: Deps) => {
  let waiting: string | null = null;
  let isRead = false;
  let failures = 0;
  let isStopping = false;
  const tried = Promise.withResolvers<void>();

  const bring = async (signal: AbortSignal): Promise<boolean> => {
    if (!isRead) {
      // A stream can hold many that are of no use for the same reason.
      const reasons = new Set<string | null>();
      for (const note of await anchor.read(signal)) reasons.add(await onFound(note));
      reasons.delete(null);
      for (const why of reasons)
        logger.warn({ anchor: anchor.name }, `${anchor.name} holds a checkpoint that says nothing about this log: ${why}`);
      isRead = true;
      tried.resolve();
    }
    const note = waiting;
    if (note === null) return false;
    await anchor.put(note, signal);
    if (failures > 0) logger.info({ anchor: anchor.name }, 'the anchor takes checkpoints again');
    failures = 0;
    if (waiting === note) waiting = null;
    return waiting !== null;
  };

  const loop = makeLoop({
    work: bring,
    pollMs,
    onError: (error) => {
      tried.resolve();
      if (isStopping) return undefined;
      failures += 1;
      const doing = isRead ? 'takes no checkpoint' : 'cannot be read';
      const message = `${anchor.name} ${doing}: ${describe(error)}; it is tried again`;
      if (failures === 1) logger.warn({ anchor: anchor.name }, message);
      else logger.debug({ anchor: anchor.name }, message);
      return backoffMs(backoff, failures, random());
    },
  });

  return {
    /** Resolves after the first try to read the anchor, whether or not it succeeded. */
    start: (): Promise<void> => {
      loop.start();
      return tried.promise;
    },
    put: (note: string): void => {
      waiting = note;
      loop.wake();
    },
    /** Ends within `deadlineMs`, which the last note has to reach the anchor. Never throws. */
    stop: async ({ deadlineMs }: { deadlineMs: number }): Promise<void> => {
      isStopping = true;
      await loop.stop();
      if (isRead && waiting !== null) {
        await anchor.put(waiting, AbortSignal.timeout(Math.ceil(deadlineMs))).catch((error) => {
          logger.warn({ anchor: anchor.name }, `the last checkpoint did not reach ${anchor.name}: ${describe(error)}`);
        });
      }
      anchor.close?.();
    },
  };
};

export type AnchorRunner = ReturnType<typeof makeAnchorRunner>;
