import { describe, expect, it, vi } from 'vitest';
import type { Topic } from '../ports/bus.ts';
import { makeBus } from './bus.ts';

const makeRemote = () => {
  let heard: (topic: Topic) => void = () => {};
  return {
    publish: vi.fn<(topic: Topic) => void>(),
    onWake: (listener: (topic: Topic) => void) => {
      heard = listener;
    },
    hear: (topic: Topic) => heard(topic),
  };
};

describe('the bus', () => {
  it('wakes the listeners of a topic, and those alone, until they stop listening', () => {
    const bus = makeBus();
    const [log, outbox] = [vi.fn(), vi.fn()];
    const stop = bus.on('log', log);
    bus.on('outbox', outbox);
    bus.wake('log');
    stop();
    bus.wake('log');
    expect(log).toHaveBeenCalledTimes(1);
    expect(outbox).not.toHaveBeenCalled();
  });

  it('passes a wake-up on to the other processes', () => {
    const remote = makeRemote();
    makeBus(remote).wake('outbox');
    expect(remote.publish).toHaveBeenCalledExactlyOnceWith('outbox');
  });

  it('wakes its listeners for another process without passing that on again', () => {
    const remote = makeRemote();
    const bus = makeBus(remote);
    const listener = vi.fn();
    bus.on('log', listener);
    remote.hear('log');
    expect(listener).toHaveBeenCalledTimes(1);
    expect(remote.publish).not.toHaveBeenCalled();
  });
});
