import { inject } from 'vitest';
import type { SharedThing } from './run-host.ts';

const found = new Map<SharedThing, Promise<string>>();

/** Where something is that the tests of a run share. The first test that asks has it made. */
export const whereShared = (thing: SharedThing): Promise<string> => {
  const asking = found.get(thing) ?? ask(`/${thing}`);
  found.set(thing, asking);
  return asking;
};

/** Says so now, and again at the end of the run, which leaves its PostgreSQL server's data then. */
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
