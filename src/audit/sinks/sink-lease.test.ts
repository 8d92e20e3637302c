import { once } from 'node:events';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { makeMemorySinkCursors } from '../../../test/support/memory-sink-cursors.ts';
import { whileLeased } from './sink-lease.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const leaseMs = 15_000;
/** Work under a lease that the holder `a` has; it goes on until it is called off, or told to end. */
const work = async (cursors = makeMemorySinkCursors()) => {
  await cursors.acquire('s', 'a', leaseMs);
  const told = Promise.withResolvers<string>();
  const ended = whileLeased({ cursors, name: 's', holder: 'a', leaseMs }, (lost) =>
    Promise.race([
      told.promise,
      once(lost, 'abort').then(() => {
        throw new Error('called off');
      }),
    ]),
  ).catch((error: Error) => error.message);
  return { cursors, tell: told.resolve, ended };
};

it('is kept as long as the work lasts, and renewed no longer', async () => {
  const { cursors, tell, ended } = await work();
  await vi.advanceTimersByTimeAsync(20 * leaseMs);
  expect((await cursors.acquire('s', 'b', leaseMs)).held).toBe(false);
  tell('done');
  expect(await ended).toBe('done');
  await vi.advanceTimersByTimeAsync(leaseMs);
  expect((await cursors.acquire('s', 'b', leaseMs)).held).toBe(true);
});

it('calls the work off once another process has it', async () => {
  const { cursors, ended } = await work();
  await cursors.release('s', 'a');
  await cursors.acquire('s', 'b', leaseMs);
  await vi.advanceTimersByTimeAsync(leaseMs / 3);
  expect(await ended).toBe("the lease on sink 's' was taken by another process");
});

it('calls the work off before it runs out where it cannot be renewed, and outlives one miss', async () => {
  const { cursors, ended } = await work();
  let hasEnded = false;
  void ended.then(() => {
    hasEnded = true;
  });
  cursors.broken.add('renew');
  await vi.advanceTimersByTimeAsync(leaseMs / 3);
  cursors.broken.delete('renew');
  await vi.advanceTimersByTimeAsync(leaseMs);
  expect(hasEnded).toBe(false);
  cursors.broken.add('renew');
  await vi.advanceTimersByTimeAsync(leaseMs);
  expect(await ended).toBe("the lease on sink 's' could not be renewed");
});

it('passes on what went wrong with the work itself', async () => {
  const cursors = makeMemorySinkCursors();
  const failing = whileLeased({ cursors, name: 's', holder: 'a', leaseMs }, () => Promise.reject(new Error('sink is down')));
  await expect(failing).rejects.toThrow('sink is down');
});
