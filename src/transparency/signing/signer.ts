import type { Logger } from 'pino';
import type { Bus } from '../../audit/ports/bus.ts';
import { makeLoop } from '../../kernel/loop.ts';
import { rest } from '../../kernel/rest.ts';
import { within } from '../../kernel/within.ts';
import type { Refusal } from '../model/signing-refusals.ts';
import type { AnchorRunner } from './anchor-runner.ts';
import type { SignCheckpoint } from './sign-checkpoint.ts';

/**
 * The states of a signer. A pass looks at the log's latest state.
 *
 * | state     | the last pass                                        | the next pass                                  |
 * | --------- | ---------------------------------------------------- | ---------------------------------------------- |
 * | `SIGNING` | signed, or found the latest state signed already     | when woken, at most once a second              |
 * | `REFUSED` | found that signing would contradict a checkpoint     | the same: a new epoch, or the right key, ends it |
 *
 * Whatever is wrong with signing, changes and the log go on.
 */
type Deps = {
  signCheckpoint: Pick<SignCheckpoint, 'sign'>;
  anchors: readonly AnchorRunner[];
  bus: Pick<Bus, 'on'>;
  logger: Pick<Logger, 'error' | 'info' | 'warn'>;
  /** Describes any error on one line. */
  describe: (error: unknown) => string;
};

/** Wake-ups can be lost, so that the log is also looked at without one. */
const pollMs = 5000;
/** How long it waits at least before it looks again whether it can sign. */
const refusedMs = 1000;
/** How long the first checkpoint waits for what the anchors hold. */
const anchorsWithinMs = 5000;
/** How long a stop waits for its last checkpoint: the database may be what is gone. */
const lastWithinMs = 2000;

/** Signs checkpoints while the log grows: after the commit that they cover, and the last one when the process ends. */
export const makeSigner = ({ signCheckpoint, anchors, bus, logger, describe }: Deps) => {
  let refusal: Refusal | null = null;
  let anchored: string | null = null;
  let failure: Refusal | null = null;
  let state: 'new' | 'started' | 'stopped' = 'new';
  let forget = () => {};

  const note = (next: Refusal | null) => {
    if (next && !isSame(next, refusal)) logger.error(`the log is not signed any more: ${next.why}`);
    if (!next && refusal) logger.info('the log is signed again');
    refusal = next;
  };

  const put = (note: string) => {
    if (note === anchored) return;
    anchored = note;
    for (const anchor of anchors) anchor.put(note);
  };

  /** Returns how long to wait before the next try; null if there is nothing to do. */
  const pass = async (options: { hurry?: boolean } = {}): Promise<number | null> => {
    const outcome = await signCheckpoint.sign(options);
    if (failure) logger.info('checkpoints are signed again');
    failure = null;
    if (outcome.is === 'too early') return outcome.waitMs;
    note(outcome.is === 'refused' ? outcome.refusal : null);
    if (outcome.is === 'signed') put(outcome.checkpoint.note);
    // Another process has signed it. Its anchors can be out of this one's sight.
    if (outcome.is === 'up to date') put(outcome.note);
    return null;
  };

  const loop = makeLoop({
    work: async (signal) => {
      const waitMs = await pass();
      // What is committed meanwhile is in the next checkpoint, too.
      if (waitMs !== null) await rest(waitMs, signal);
      // Nothing is signed that would keep the time between two looks at a busy log.
      else if (refusal) await rest(refusedMs, signal);
      return waitMs !== null;
    },
    pollMs,
    onError: (error) => {
      const why = `a checkpoint was not signed: ${describe(error)}; it is tried again`;
      if (!failure) logger.warn(why);
      failure = { why, contradicts: null };
      return 1000;
    },
  });

  return {
    start: (): void => {
      const read = Promise.all(anchors.map((anchor) => anchor.start()));
      void within(anchorsWithinMs, read).then(() => {
        if (state === 'stopped') return;
        state = 'started';
        forget = bus.on('log', loop.wake);
        loop.start();
      });
    },
    /** Looks at the log soon: an anchor may have said something about it. */
    wake: loop.wake,
    /** Why nothing is signed; null if all is well. A failure that is tried again is a reason, too. */
    refusal: (): Refusal | null => refusal ?? failure,
    /** Signs what is in the log, and brings it to the anchors within `deadlineMs`. Never throws. */
    stop: async ({ deadlineMs }: { deadlineMs: number }): Promise<void> => {
      const wasStarted = state === 'started';
      state = 'stopped';
      forget();
      await loop.stop();
      if (wasStarted) await within(lastWithinMs, pass({ hurry: true })).catch(() => {});
      await Promise.all(anchors.map((anchor) => anchor.stop({ deadlineMs })));
    },
  };
};

/** Whether two refusals have one cause, however long the log is by now. */
const isSame = (one: Refusal, other: Refusal | null): boolean => {
  if (!one.contradicts || !other?.contradicts) return one.why === other?.why;
  return one.contradicts.epoch === other.contradicts.epoch && one.contradicts.size === other.contradicts.size;
};

export type Signer = ReturnType<typeof makeSigner>;
