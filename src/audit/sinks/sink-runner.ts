import type { Logger } from 'pino';
import { type Backoff, backoffMs } from '../../kernel/backoff.ts';
import type { Random } from '../../kernel/clock.ts';
import { describeError } from '../../kernel/describe-error.ts';
import { makeLoop } from '../../kernel/loop.ts';
import { within } from '../../kernel/within.ts';
import type { AuditLog } from '../ports/audit-log.ts';
import type { EventSink, SinkCursors } from '../ports/event-sink.ts';
import { whileLeased } from './sink-lease.ts';

/**
 * What a runner does. A pass asks for the lease, reads what comes after the cursor and delivers it; how it ends is the state.
 *
 * | state      | the last pass                                  | the next pass                                             |
 * | ---------- | ---------------------------------------------- | --------------------------------------------------------- |
 * | `STOPPED`  | none yet, or none any more                     | when started                                              |
 * | `SHIPPING` | delivered, or found nothing to deliver         | at once while there is more; else when woken, or polled   |
 * | `STANDBY`  | found the lease with another process           | when woken, or polled: that lease may have run out        |
 * | `WAITING`  | delivered nothing: the sink takes nothing yet  | when polled: a wake-up changes nothing                    |
 * | `FAILING`  | failed, as those before it: `inARow` in all    | after a backoff that grows with `inARow`                  |
 *
 * A pass leads from any state to any but `STOPPED`; `stop` leads there from all of them, and gives the lease back. So does every
 * `handOverAfterFailures`th failure in a row, without stopping: another process may reach what this one does not.
 */
type State = { is: 'STOPPED' | 'SHIPPING' | 'STANDBY' | 'WAITING' } | { is: 'FAILING'; inARow: number };
type SinkState = State['is'];

type SinkStatus = {
  name: string;
  state: SinkState;
  /** What the sink has accepted, as far as this process knows; null before it first looked. */
  position: number | null;
  /** Entries in the log after that position, when last looked. */
  lag: number;
  /** Entries that this process delivered. */
  delivered: number;
  /** Tries that failed, in all. */
  failures: number;
  /** Of the latest try; null where it succeeded. */
  lastError: string | null;
};

export type SinkRunner = {
  start(): void;
  /** There may be something new. Cheap; calls that come while a pass runs are one. */
  wake(): void;
  /** Starts nothing more, gives a running delivery `deadlineMs` to end, then aborts it. Never throws. */
  stop(options?: { deadlineMs?: number }): Promise<void>;
  status(): SinkStatus;
};

type Deps = {
  sink: EventSink;
  log: Pick<AuditLog, 'size' | 'readAfter'>;
  cursors: SinkCursors;
  logger: Logger;
  random: Random;
  /** Names this process among all that ship. May outlive a restart only where a lock admits one process at a time. */
  holder: string;
  pollMs?: number;
  leaseMs?: number;
  backoff?: Backoff;
  /** After so many failures in a row another process gets its chance: it may reach what this one does not. */
  handOverAfterFailures?: number;
  /** Any error on one line. */
  describe?: (error: unknown) => string;
};

/** The sink takes nothing yet. It is asked again at the next poll, and not with every commit until then. */
class NotYet extends Error {}

/**
 * Ships the log to a sink, at least once and in order, from the sink's durable cursor. Tries for ever, and drops nothing:
 * the cursor moves only past what the sink accepted. Of several processes one ships, by a lease.
 */
export const makeSinkRunner = ({
  sink,
  log,
  cursors,
  logger: parentLogger,
  random,
  holder,
  pollMs = 1000,
  leaseMs = 15_000,
  backoff = { firstMs: 500, maxMs: 30_000 },
  handOverAfterFailures = 5,
  describe = describeError,
}: Deps): SinkRunner => {
  const { name } = sink;
  const logger = parentLogger.child({ sink: name });
  const aborting = new AbortController();
  let state: State = { is: 'STOPPED' };
  const progress: Omit<SinkStatus, 'name' | 'state'> = { position: null, lag: 0, delivered: 0, failures: 0, lastError: null };
  /** The durable cursor as last seen. `progress.position` may be ahead: what was accepted is not sent again, saved or not. */
  let saved = 0;

  const save = async (position: number): Promise<boolean> => {
    if (!(await cursors.save(name, holder, position))) return false;
    saved = position;
    return true;
  };

  const pass = async (): Promise<'IDLE' | 'MORE' | 'STANDBY' | 'WAITING'> => {
    const size = await log.size();
    const moveTo = (position: number) => Object.assign(progress, { position, lag: Math.max(0, size - position) });
    if (progress.position === saved && size <= saved) {
      moveTo(saved);
      return 'IDLE';
    }
    const lease = await cursors.acquire(name, holder, leaseMs);
    saved = lease.position;
    const position = Math.max(progress.position ?? 0, saved);
    moveTo(position);
    if (!lease.held || (position > saved && !(await save(position)))) return 'STANDBY';

    const entries = await log.readAfter(position, sink.maxBatch);
    if (entries.length === 0) return 'IDLE';
    const done = await whileLeased({ cursors, name, holder, leaseMs }, (lost) =>
      sink.deliver(entries, AbortSignal.any([lost, aborting.signal])),
    );
    const last = entries[done - 1];
    if (!last) return 'WAITING';
    progress.delivered += done;
    moveTo(last.position);
    return (await save(last.position)) ? 'MORE' : 'STANDBY';
  };

  const enter = (next: State) => {
    const from = state.is;
    state = next;
    if (next.is === from) return;
    const fields = { state: next.is, from, position: progress.position, lag: progress.lag };
    if (next.is === 'FAILING')
      logger.error({ ...fields, error: progress.lastError }, 'sink is failing; it is tried again until it accepts');
    else if (from === 'FAILING' && next.is !== 'STOPPED') logger.info(fields, 'sink has recovered');
    else logger.debug(fields, 'sink changed its state');
  };

  const noteFailure = async (error: unknown) => {
    const inARow = failuresInARow() + 1;
    const lastError = describe(error);
    Object.assign(progress, { failures: progress.failures + 1, lastError });
    enter({ is: 'FAILING', inARow });
    try {
      await cursors.saveError(name, holder, lastError);
      if (inARow % handOverAfterFailures === 0) await cursors.release(name, holder);
    } catch (saveError) {
      logger.debug({ error: describe(saveError) }, 'the error of a sink could not be saved');
    }
  };

  const failuresInARow = () => (state.is === 'FAILING' ? state.inARow : 0);

  const loop = makeLoop({
    pollMs,
    work: async (stopping) => {
      const outcome = await pass().catch(async (error: unknown) => {
        if (!stopping.aborted) await noteFailure(error);
        throw error;
      });
      progress.lastError = null;
      enter({ is: outcome === 'STANDBY' || outcome === 'WAITING' ? outcome : 'SHIPPING' });
      if (outcome === 'WAITING') throw new NotYet();
      return outcome === 'MORE';
    },
    onError: (error) => (error instanceof NotYet ? pollMs : backoffMs(backoff, failuresInARow(), random())),
  });

  const finish = async () => {
    try {
      if (progress.position !== null && progress.position > saved) await save(progress.position);
      await cursors.release(name, holder);
      await sink.close?.();
    } catch (error) {
      const fields = { error: describe(error), position: progress.position };
      logger.warn(fields, 'sink did not stop cleanly; what it ships next may hold duplicates');
    }
    enter({ is: 'STOPPED' });
  };

  return {
    start: loop.start,
    wake: loop.wake,
    stop: async ({ deadlineMs = 5000 } = {}) => {
      const stopped = loop.stop().then(finish);
      await within(deadlineMs, stopped);
      aborting.abort(new Error('the service is stopping'));
      // For the aborted delivery to be accounted for; a database that does not answer is not waited for any longer.
      await within(1000, stopped);
    },
    status: () => ({ name, state: state.is, ...progress }),
  };
};
