import { setImmediate as breathe } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { makeFairQueue, shareOfPlaces } from './fair-queue.ts';

const setUp = (options: Partial<Parameters<typeof makeFairQueue>[0]> = {}) => {
  const onRefused = vi.fn();
  const bounds = { places: 1, share: 1, maxWaiting: 1000, maxWaitingPerCaller: 1000, ...options };
  const queue = makeFairQueue({ what: 'queries', onRefused, ...bounds });
  const started: string[] = [];
  const leaving = new Map<string, () => void>();
  const refused: string[] = [];
  const ask = (caller: string, name: string, bytes = 0) =>
    queue
      .enter(caller, () => bytes)
      .then(
        (leave) => {
          started.push(name);
          leaving.set(name, leave);
        },
        (error) => void refused.push(`${name}: ${error.message}`),
      );
  const end = async (name: string) => {
    leaving.get(name)?.();
    await breathe();
  };
  const endAll = async () => {
    for (const name of started) await end(name);
  };
  return { ...queue, started, refused, ask, end, endAll, onRefused };
};

describe('a fair queue', () => {
  it('serves callers in turn, however many each has waiting, and each caller in its own order', async () => {
    const { ask, started, endAll, waiting, callers } = setUp();
    for (let n = 0; n < 5; n++) void ask('hog', `hog ${n}`);
    for (const name of ['ann 0', 'bob 0', 'ann 1']) void ask(name.slice(0, 3), name);
    await breathe();
    await endAll();
    expect(started).toEqual(['hog 0', 'hog 1', 'ann 0', 'bob 0', 'hog 2', 'ann 1', 'hog 3', 'hog 4']);
    expect([waiting(), callers()]).toEqual([0, 0]);
  });

  it('gives one caller no more than its share at a time, so that another finds a place at once', async () => {
    const { ask, started, end } = setUp({ places: 3, share: 2 });
    for (let n = 0; n < 4; n++) void ask('hog', `hog ${n}`);
    await breathe();
    expect(started).toEqual(['hog 0', 'hog 1']);
    await ask('ann', 'ann 0');
    expect(started).toEqual(['hog 0', 'hog 1', 'ann 0']);
    await end('ann 0');
    expect(started).toHaveLength(3);
    await end('hog 0');
    expect(started).toEqual(['hog 0', 'hog 1', 'ann 0', 'hog 2']);
  });

  it('refuses at once what one caller has too much waiting, and nobody else', async () => {
    const { ask, refused, onRefused, started } = setUp({ maxWaitingPerCaller: 2 });
    for (let n = 0; n < 4; n++) void ask('hog', `hog ${n}`);
    void ask('ann', 'ann 0');
    await breathe();
    expect(refused).toEqual(['hog 3: You have 2 queries waiting, which is the maximum: try again in 1000 ms']);
    expect(onRefused).toHaveBeenCalledTimes(1);
    expect(started).toEqual(['hog 0']);
  });

  it('refuses at once what is too much of all callers together, and takes more when there is room', async () => {
    const { ask, refused, end, started, endAll } = setUp({ maxWaiting: 2 });
    for (const name of ['ann', 'bob', 'eve', 'kim']) void ask(name, name);
    await breathe();
    expect(refused).toEqual(['kim: This process has 2 queries waiting, which is the maximum: try again in 1000 ms']);
    await end('ann');
    void ask('kim', 'kim again');
    await breathe();
    await endAll();
    expect(started).toEqual(['ann', 'bob', 'eve', 'kim again']);
  });

  it('refuses at once what is too many bytes, of one caller and of all, and takes more when some have had their turn', async () => {
    const { ask, refused, end, endAll, started } = setUp({ maxWaitingBytesPerCaller: 2 ** 20, maxWaitingBytes: 2 ** 21 });
    // What runs does not wait.
    void ask('ann', 'ann 0', 2 ** 22);
    void ask('ann', 'ann 1', 2 ** 20);
    void ask('ann', 'ann 2', 1);
    void ask('bob', 'bob 0', 2 ** 20);
    void ask('eve', 'eve 0', 1);
    await breathe();
    expect(refused).toEqual([
      'ann 2: With this, more than 1 MiB of your queries would wait, which is the maximum: try again in 1000 ms',
      'eve 0: With this, more than 2 MiB of queries would wait in this process, which is the maximum: try again in 1000 ms',
    ]);
    await end('ann 0');
    void ask('eve', 'eve 1', 1);
    void ask('ann', 'ann 3', 2 ** 20 - 1);
    await breathe();
    await endAll();
    expect(started).toEqual(['ann 0', 'ann 1', 'bob 0', 'eve 1', 'ann 3']);
    expect(refused).toHaveLength(2);
  });

  it('gives a place back once, and also where the work fails', async () => {
    const { ask, run, end, started } = setUp();
    await expect(run('ann', () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    await ask('ann', 'ann 0');
    for (const name of ['bob 0', 'eve 0']) void ask(name.slice(0, 3), name);
    await end('ann 0');
    await end('ann 0');
    expect(started).toEqual(['ann 0', 'bob 0']);
  });
});

it('a share leaves a place for others, where there is more than one', () => {
  expect([1, 2, 3, 4, 8, 40].map(shareOfPlaces)).toEqual([1, 1, 2, 3, 6, 30]);
});
