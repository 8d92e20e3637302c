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
 * The states of a runner. A pass asks for the lease, reads the entries after the cursor and delivers them; its outcome is the
 * state.
 *
 * | state      | the last pass                                  | the next pass                                             |
 * | ---------- | ---------------------------------------------- | --------------------------------------------------------- |
 * | `STOPPED`  | none yet, or no more                           | when started                                              |
 * | `SHIPPING` | delivered, or found nothing to deliver         | at once while there is more; else when woken or polled    |
 * | `STANDBY`  | found that another process has the lease       | when woken or polled: that lease may have expired         |
 * | `WAITING`  | delivered nothing: the sink takes nothing yet  | when polled: a wake-up changes nothing                    |
 * | `FAILING`  | failed, like the `inARow` - 1 passes before it | after a backoff that grows with `inARow`                  |
 *
 * A pass can lead from any state to any but `STOPPED`. `stop` leads to `STOPPED` from all of them, and gives the lease back.
 * Every `handOverAfterFailures`th failure in a row also gives the lease back, without stopping, because another process may reach
 * the sink.
 */
type State = { is: 'STOPPED' | 'SHIPPING' | 'STANDBY' | 'WAITING' } | { is: 'FAILING'; inARow: number };
type SinkState = State['is'];

type SinkStatus = {
  name: string;
  state: SinkState;
  /** What the sink has accepted, as far as this process knows; null before the first pass. */
  position: number | null;
  /** How many entries the log had after that position at the last pass. */
  lag: number;
  /** Entries that this process delivered. */
  delivered: number;
  /** How many tries have failed, in all. */
  failures: number;
  /** The error of the latest try; null if it succeeded. */
  lastError: string | null;
};

export type SinkRunner = {
  start(): void;
  /** Says that there may be new entries. Cheap; calls during a pass count as one. */
  wake(): void;
  /** Starts no new pass, gives a running delivery `deadlineMs` to end, then aborts it. Never throws. */
  stop(options?: { deadlineMs?: number }): Promise<void>;
  status(): SinkStatus;
};

type Deps = {
  sink: EventSink;
  log: Pick<AuditLog, 'size' | 'readAfter'>;
  cursors: SinkCursors;
  logger: Logger;
  random: Random;
  /** Names this process among all that ship. It can stay the same after a restart only if a lock admits one process at a time. */
  holder: string;
  pollMs?: number;
  leaseMs?: number;
  backoff?: Backoff;
  /** After this many failures in a row, the lease goes to another process, which may reach the sink. */
  handOverAfterFailures?: number;
  /** Describes any error on one line. */
  describe?: (error: unknown) => string;
};

/** The sink takes nothing yet. It is asked again at the next poll, not at every commit until then. */
class NotYet extends Error {}

/**
 * Ships the log to a sink in order, each entry at least once, from the sink's durable cursor. Never gives up and drops nothing:
 * the cursor moves only past entries that the sink accepted. If several processes run, a lease decides which one ships.
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
  /**
   * The durable cursor as last seen. `progress.position` can be ahead of it: entries that the sink accepted are not sent again,
   * even if the cursor could not be saved.
   */
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
      logger.error({ ...fields, error: progress.lastError }, 'sink is failing; deliveries are retried until it accepts them');
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
      logger.warn(fields, 'sink did not stop cleanly; the next delivery may contain duplicates');
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
      // Time to account for the aborted delivery. A database that does not answer gets no more than that.
      await within(1000, stopped);
    },
    status: () => ({ name, state: state.is, ...progress }),
  };
};
