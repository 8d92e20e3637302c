import { inject } from 'vitest';
import type { SharedThing } from './run-host.ts';

const found = new Map<SharedThing, Promise<string>>();

/** Where a shared part of the run is. It is made for the first test that asks. */
export const whereShared = (thing: SharedThing): Promise<string> => {
  const asking = found.get(thing) ?? ask(`/${thing}`);
  found.set(thing, asking);
  return asking;
};

/** Prints the message now, and again at the end of the run, which then keeps its PostgreSQL server's data. */
export const keepShared = async (message: string): Promise<void> => {
  process.stderr.write(`${message}\n`);
  await ask('/kept', { method: 'POST', body: `${message}\n` });
};

const ask = async (path: string, init?: RequestInit): Promise<string> => {
  const response = await fetch(`${inject('runHost')}${path}`, init);
  const answer = await response.text();
  if (!response.ok) throw new Error(answer);
  return answer;
};
