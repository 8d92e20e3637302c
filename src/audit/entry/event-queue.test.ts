import { pino } from 'pino';
import { expect, it } from 'vitest';
import { atTestEnd } from '../../../test/support/at-test-end.ts';
import { makeEventQueue } from './event-queue.ts';

type Recording = PromiseWithResolvers<boolean> & { entries: readonly string[] };

/** A queue whose outbox answers when the test says so; what went to the spool, in calls. */
const makeQueue = ({ maxQueued = 3, admits = true } = {}) => {
  const recordings: Recording[] = [];
  const spooled: { entries: readonly string[]; transactionId: string | null }[] = [];
  const gate = { isClosed: !admits };
  let recorded = 0;
  const queue = makeEventQueue({
    toEntry: ({ description }) => (description === 'no entry' ? null : description),
    record: (entries) => {
      const recording = { ...Promise.withResolvers<boolean>(), entries };
      recordings.push(recording);
      return recording.promise;
    },
    gate: {
      admits: () => !gate.isClosed,
      close: () => {
        gate.isClosed = true;
      },
      spool: (entries, transactionId) => void spooled.push({ entries: [...entries], transactionId }),
    },
    onRecorded: () => recorded++,
    logger: pino({ level: 'silent' }),
    maxQueued,
  });
  atTestEnd(async () => {
    for (const { resolve } of recordings) resolve(true);
    await queue.stop();
  });
  const log = (...descriptions: string[]) =>
    descriptions.map(
      (description) =>
        queue.audit.logEvent({
          eventType: 'access.denied',
          actor: { type: 'USER', id: 'u', name: null, email: null },
          description,
          metadata: { operation: 'flags', requiredRole: 'ADMIN' },
        }).ok,
    );
  const untilAsked = (times: number) => expect.poll(() => recordings.length).toBe(times);
  return { queue, gate, recordings, spooled, log, untilAsked, recorded: () => recorded };
};

it('records what it is given in batches, in order, and whoever gave it waits for nothing', async () => {
  const { queue, recordings, spooled, log, untilAsked, recorded } = makeQueue();
  queue.start();
  expect(log('a', 'no entry')).toEqual([true, false]);
  await untilAsked(1);
  log('b', 'c');
  recordings[0]?.resolve(true);
  await untilAsked(2);
  recordings[1]?.resolve(true);
  await queue.stop();
  expect(recordings.map(({ entries }) => entries)).toEqual([['a'], ['b', 'c']]);
  expect(recorded()).toBe(2);
  expect(spooled).toEqual([]);
});

it('holds so many events and no more: with one more all of them go to the disk, also those that an outbox is slow to take', async () => {
  const { queue, recordings, spooled, log, untilAsked } = makeQueue({ maxQueued: 3 });
  queue.start();
  log('a');
  await untilAsked(1);
  log('b', 'c');
  expect(spooled).toEqual([]);
  log('d');
  expect(spooled).toEqual([{ entries: ['a', 'b', 'c', 'd'], transactionId: null }]);
  log('e');
  // The outbox took the first one after all: the log drops it by its id when it comes again. What came since is not touched.
  recordings[0]?.resolve(true);
  await untilAsked(2);
  expect(recordings[1]?.entries).toEqual(['e']);
  recordings[1]?.resolve(true);
  await queue.stop();
  expect(spooled).toHaveLength(1);
});

it.each([
  ['takes none of them', (recording: Recording) => recording.resolve(false)],
  ['is out of reach', (recording: Recording) => recording.reject(new Error('no database'))],
])('spools them where the outbox %s, and asks it no more', async (_title, answer) => {
  const { queue, gate, recordings, spooled, log, untilAsked, recorded } = makeQueue();
  queue.start();
  log('a');
  await untilAsked(1);
  for (const recording of recordings) answer(recording);
  await expect.poll(() => spooled).toEqual([{ entries: ['a'], transactionId: null }]);
  expect(gate.isClosed).toBe(true);
  log('b');
  await expect.poll(() => spooled).toHaveLength(2);
  expect(recordings).toHaveLength(1);
  expect(recorded()).toBe(0);
  await queue.stop();
});

it('writes down at the stop what is queued, however much that is', async () => {
  const { queue, spooled, log } = makeQueue({ maxQueued: 2000, admits: false });
  const many = Array.from({ length: 1200 }, (_, n) => `${n}`);
  log(...many);
  await queue.stop();
  expect(spooled.flatMap(({ entries }) => entries)).toEqual(many);
});
