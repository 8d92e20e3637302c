import { EventEmitter } from 'node:events';
import type { Bus, RemoteBus } from '../ports/bus.ts';

/** A process's bus: wakes the process's own listeners at once, and those of other processes through `remote`. */
export const makeBus = (remote?: RemoteBus): Bus => {
  const emitter = new EventEmitter();
  emitter.setMaxListeners(0);
  remote?.onWake((topic) => emitter.emit(topic));
  return {
    wake: (topic) => {
      emitter.emit(topic);
      remote?.publish(topic);
    },
    on: (topic, listener) => {
      emitter.on(topic, listener);
      return () => emitter.off(topic, listener);
    },
  };
};
