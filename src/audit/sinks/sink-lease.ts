import type { SinkCursors } from '../ports/event-sink.ts';

type Lease = { cursors: Pick<SinkCursors, 'renew'>; name: string; holder: string; leaseMs: number };

/**
 * Runs `work` under a lease that is already held, and renews it three times per `leaseMs`. The signal aborts when another process
 * has taken the lease, or when the lease may have expired because it could not be renewed.
 */
export const whileLeased = async <T>(
  { cursors, name, holder, leaseMs }: Lease,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> => {
  const lost = new AbortController();
  let beatsMissed = 0;
  const beat = setInterval(() => {
    if (beatsMissed >= 2) return lost.abort(new Error(`the lease on sink '${name}' could not be renewed`));
    beatsMissed += 1;
    // Not awaited: a database that does not answer must not stop the timer.
    cursors.renew(name, holder, leaseMs).then(
      (held) => {
        if (held) beatsMissed = 0;
        else lost.abort(new Error(`the lease on sink '${name}' was taken by another process`));
      },
      () => {},
    );
  }, leaseMs / 3);
  try {
    return await work(lost.signal);
  } catch (error) {
    throw lost.signal.aborted ? lost.signal.reason : error;
  } finally {
    clearInterval(beat);
  }
};
