import { describe, expect, it, vi } from 'vitest';
import { atTestEnd } from '../../test/support/at-test-end.ts';
import { makeLoop } from './loop.ts';

const hourMs = 3_600_000;
type Run = { finish: (more?: boolean) => void; fail: (error: Error) => void };

/** A loop whose runs end when the test says so. */
const setUp = ({ pollMs = hourMs, onError = () => undefined as number | undefined } = {}) => {
  const runs: Run[] = [];
  const loop = makeLoop({
    work: () =>
      new Promise<boolean>((resolve, reject) => {
        runs.push({ finish: (more = false) => resolve(more), fail: reject });
      }),
    pollMs,
    onError,
  });
  atTestEnd(async () => {
    const stopped = loop.stop();
    for (const { finish } of runs) finish();
    await stopped;
  });
  return { loop, runs, untilRuns: (count: number) => vi.waitFor(() => expect(runs).toHaveLength(count)) };
};
const settle = () => new Promise((resolve) => setTimeout(resolve, 0));

describe('a loop', () => {
  it('runs when it starts, and again when it is woken', async () => {
    const { loop, runs, untilRuns } = setUp();
    loop.start();
    loop.start();
    await untilRuns(1);
    runs[0]?.finish();
    await settle();
    loop.wake();
    await untilRuns(2);
  });

  it('makes many wake-ups during a run into one more run', async () => {
    const { loop, runs, untilRuns } = setUp();
    loop.start();
    await untilRuns(1);
    for (let i = 0; i < 10; i++) loop.wake();
    expect(runs).toHaveLength(1);
    runs[0]?.finish();
    await untilRuns(2);
    runs[1]?.finish();
    await settle();
    expect(runs).toHaveLength(2);
  });

  it('runs again at once while there is more', async () => {
    const { loop, runs, untilRuns } = setUp();
    loop.start();
    await untilRuns(1);
    runs[0]?.finish(true);
    await untilRuns(2);
  });

  it('runs without a wake-up when the poll interval has passed', async () => {
    const { loop, runs, untilRuns } = setUp({ pollMs: 5 });
    loop.start();
    await untilRuns(1);
    runs[0]?.finish();
    await untilRuns(2);
  });

  it('waits after a failure as long as it is told, and no wake-up shortens that', async () => {
    const { loop, runs, untilRuns } = setUp({ onError: () => hourMs });
    loop.start();
    await untilRuns(1);
    runs[0]?.fail(new Error('down'));
    await settle();
    loop.wake();
    await settle();
    expect(runs).toHaveLength(1);
  });

  it('goes on after a failure', async () => {
    const errors: unknown[] = [];
    const { loop, runs, untilRuns } = setUp({
      onError: () => {
        errors.push('failed');
        return 1;
      },
    });
    loop.start();
    await untilRuns(1);
    runs[0]?.fail(new Error('down'));
    await untilRuns(2);
    expect(errors).toEqual(['failed']);
  });

  it('stops when the run under way is over, and does not run afterwards', async () => {
    const { loop, runs, untilRuns } = setUp();
    loop.start();
    await untilRuns(1);
    const stopped = vi.fn();
    const stopping = loop.stop().then(stopped);
    loop.wake();
    await settle();
    expect(stopped).not.toHaveBeenCalled();
    runs[0]?.finish(true);
    await stopping;
    loop.wake();
    await settle();
    expect(runs).toHaveLength(1);
  });

  it('stops at once while it waits, after a failure too', async () => {
    for (const end of ['finish', 'fail'] as const) {
      const { loop, runs, untilRuns } = setUp({ onError: () => hourMs });
      loop.start();
      await untilRuns(1);
      runs[0]?.[end](new Error('down') as never);
      await settle();
      await loop.stop();
    }
  });
});
