import { describe, expect, it } from 'vitest';
import { makeUnreadAnswers } from './unread-answers.ts';

const start = () =>
  makeUnreadAnswers({ callerBytes: 100, processBytes: 150, callerStreams: 2, processStreams: 3, streamBytes: 10, spareBytes: 5 });
const answerOf = (unread: ReturnType<typeof start>, caller: string) => {
  const answer = unread.open();
  answer.belongsTo(caller);
  return answer;
};

describe('bytes that wait for their readers', () => {
  it('are counted for each caller and for the process, from the announcement until they are taken', () => {
    const unread = start();
    const [first, second] = [answerOf(unread, 'ada'), answerOf(unread, 'ada')];
    expect(first.hold(60)).toBe(null);
    first.wrote(62);
    expect(unread.bytes()).toBe(62);
    expect(second.hold(60)).toMatch(/^You have 122 bytes .* a caller can have at most 100/);
    expect(unread.bytes()).toBe(62);
    const other = answerOf(unread, 'bob');
    expect(other.hold(88)).toBe(null);
    expect(answerOf(unread, 'eve').hold(1)).toMatch(/^This process has 151 bytes .* a process can have at most 150/);
    first.drained(62);
    first.close();
    expect(second.hold(60)).toBe(null);
    second.close();
    other.close();
    // What comes late counts no more.
    other.drained(88);
    other.wrote(5);
    expect(unread.bytes()).toBe(0);
  });

  it('of strangers, such as a page, refuse no caller', () => {
    const unread = start();
    unread.open().wrote(1000);
    expect(answerOf(unread, 'ada').hold(100)).toBe(null);
    expect(unread.bytes()).toBe(1100);
  });

  it('are counted whatever they are where the change is made already; whoever asks next is refused before it runs', () => {
    const unread = start();
    expect(answerOf(unread, 'ada').hold(120, { always: true })).toBe(null);
    expect(unread.open().belongsTo('ada')).toMatch(/^You have 120 bytes/);
    expect(unread.open().belongsTo('bob')).toBe(null);
  });

  it('hold the next event of a stream back until they are few, or nobody is there', async () => {
    const unread = start();
    for (const end of ['drained', 'close'] as const) {
      const stream = answerOf(unread, 'ada');
      await stream.ready();
      stream.wrote(11);
      let isReady = false;
      const ready = stream.ready().then(() => {
        isReady = true;
      });
      await Promise.resolve();
      expect(isReady).toBe(false);
      stream[end](1);
      await ready;
    }
  });
});

describe('connections that can only be cut off', () => {
  it('lose the one that holds the most: of their caller where that has too much, of all where the process has', () => {
    const unread = start();
    const cut: string[] = [];
    const opened = (name: string, caller: string, bytes: number) => {
      const answer = unread.open(() => cut.push(name));
      answer.belongsTo(caller);
      answer.wrote(bytes);
      return answer;
    };
    opened('small', 'ada', 20);
    opened('large', 'bob', 70);
    const middle = opened('middle', 'ada', 45);
    expect(cut).toEqual([]);
    opened('last', 'ada', 36);
    expect(cut).toEqual(['middle']);
    expect(unread.bytes()).toBe(126);
    middle.close();
    opened('other', 'eve', 40);
    expect(cut).toEqual(['middle', 'large']);
    expect(unread.bytes()).toBe(96);
    // Where answers over HTTP are what is too much, who waits for little stays.
    const page = unread.open();
    page.belongsTo('max');
    page.hold(200, { always: true });
    for (const n of Array(30).keys()) opened(`tiny-${n}`, 'max', 5);
    expect(cut).toEqual(['middle', 'large']);
  });
});

it('what is closed already, because its reader left while it was found out who asks, counts for nobody', () => {
  const unread = start();
  const answer = unread.open();
  answer.wrote(30);
  answer.close();
  answer.belongsTo('ada');
  expect(unread.bytes()).toBe(0);
  expect(answerOf(unread, 'ada').hold(80)).toBe(null);
});

describe('streams', () => {
  it('are as many as a caller and a process may have, until they are closed', () => {
    const unread = start();
    const [first, second] = [answerOf(unread, 'ada'), answerOf(unread, 'ada')];
    expect([first.stream(), second.stream()]).toEqual([null, null]);
    expect(answerOf(unread, 'ada').stream()).toMatch(/^You have 3 open streams, but a caller can have at most 2/);
    expect(answerOf(unread, 'bob').stream()).toBe(null);
    expect(answerOf(unread, 'eve').stream()).toMatch(/^This process has 4 open streams, but a process can have at most 3/);
    first.close();
    expect(answerOf(unread, 'ada').stream()).toBe(null);
    expect(unread.streams()).toBe(3);
  });
});
