import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { BatchResult } from '../commands/apply-due-schedules.ts';
import { makeTicker } from './ticker.ts';

const nothing: BatchResult = { applied: [], failed: [], stuck: new Map(), now: new Date(), more: false };

/** A ticker on a schedule that never comes by itself, and what it logged. */
const makeTestTicker = (applyDue: () => Promise<BatchResult>, schedule = '0 0 0 29 2 *') => {
  const lines: { level: number; msg: string; err?: { message: string } }[] = [];
  const logger = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const outcomes: (string | null)[] = [];
  const ticker = makeTicker({ schedule, applyDue, logger, onOutcome: (failure) => void outcomes.push(failure) });
  return { lines, outcomes, ticker };
};

describe('a ticker', () => {
  it('applies batch after batch in one tick, as long as there is more', async () => {
    let left = 3;
    const { ticker } = makeTestTicker(async () => ({ ...nothing, more: --left > 0 }));
    await ticker.tick();
    expect(left).toBe(0);
    await ticker.stop();
  });

  it('never overlaps: a tick that comes during another joins it', async () => {
    const goOn = Promise.withResolvers<void>();
    let [running, most, runs] = [0, 0, 0];
    const { ticker } = makeTestTicker(async () => {
      most = Math.max(most, ++running);
      runs++;
      await goOn.promise;
      running--;
      return nothing;
    });
    const ticks = [ticker.tick(), ticker.tick(), ticker.tick()];
    goOn.resolve();
    await Promise.all(ticks);
    expect([most, runs]).toEqual([1, 1]);
    await ticker.tick();
    expect(runs).toBe(2);
    await ticker.stop();
  });

  it('survives a batch that fails, says so, and tries again at the next tick', async () => {
    let tries = 0;
    const { ticker, lines, outcomes } = makeTestTicker(async () => {
      if (++tries === 1) throw new Error('database down');
      return nothing;
    });
    await ticker.tick();
    expect(lines).toMatchObject([{ level: 50, err: { message: 'database down' } }]);
    await ticker.tick();
    expect(tries).toBe(2);
    // What the service's status says of its worker: why it could do nothing, and that it can again.
    expect(outcomes).toEqual([expect.stringContaining('database down'), null]);
    await ticker.stop();
  });

  it('stops after the batch under way, and not before', async () => {
    const goOn = Promise.withResolvers<void>();
    let batches = 0;
    const { ticker } = makeTestTicker(async () => {
      batches++;
      await goOn.promise;
      return { ...nothing, more: true };
    });
    const ticking = ticker.tick();
    let stopped = false;
    const stopping = ticker.stop().then(() => {
      stopped = true;
    });
    await new Promise(setImmediate);
    expect(stopped).toBe(false);
    goOn.resolve();
    await Promise.all([ticking, stopping]);
    expect(batches).toBe(1);
  });

  it('ticks by itself, on the cron expression', async () => {
    const ticked = Promise.withResolvers<void>();
    const { ticker } = makeTestTicker(async () => {
      ticked.resolve();
      return nothing;
    }, '* * * * * *');
    ticker.start();
    await ticked.promise;
    await ticker.stop();
  });

  it('tells of schedules that can be neither applied nor failed', async () => {
    const { ticker, lines } = makeTestTicker(async () => ({ ...nothing, stuck: new Map([['s-1', 'refused']]) }));
    await ticker.tick();
    expect(lines).toMatchObject([{ level: 50, scheduleId: 's-1', msg: expect.stringContaining('refused') }]);
    await ticker.stop();
  });
});
