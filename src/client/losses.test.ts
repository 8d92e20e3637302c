import { expect, it } from 'vitest';
import { makeLosses } from './losses.ts';

it('a loss spans all that it stands for, also where the clock goes back', () => {
  const losses = makeLosses({ newId: () => 'id' });
  for (const atMs of [2000, 1000, 3000]) losses.add('client_queue_full', 1, atMs);
  losses.add('client_queue_full', 4, 1500);
  expect(losses.take(5000)).toEqual([{ id: 'id', reason: 'client_queue_full', count: 7, sinceMs: 1000, untilMs: 3000 }]);
});

it('a loss that was taken does not change any more, and one that is held comes again when its time has come', () => {
  let n = 0;
  const losses = makeLosses({ newId: () => `${++n}` });
  losses.add('client_queue_full', 1, 1000);
  const [first] = losses.take(1000);
  losses.add('client_queue_full', 2, 2000);
  expect(first).toMatchObject({ id: '1', count: 1, untilMs: 1000 });
  if (first) losses.hold(first, 9000);
  expect([losses.count(), losses.dueInMs(2000)]).toEqual([3, 0]);
  expect(losses.take(2000)).toMatchObject([{ id: '2', count: 2 }]);
  expect(losses.dueInMs(2000)).toBe(7000);
  expect(losses.take(8999)).toEqual([]);
  expect(losses.take(9000)).toEqual([first]);
  expect([losses.count(), losses.dueInMs(9000)]).toEqual([0, null]);
});
