import { expect, it } from 'vitest';
import { makeWaitingRoom } from './waiting-room.ts';

const setUp = (options = { max: 4, maxPerAddress: 2 }) => {
  const room = makeWaitingRoom(options);
  const out: string[] = [];
  return { ...room, out, enter: (address: string, name: string) => room.enter(address, () => void out.push(name)) };
};

it('who is one too many of an address turns out who has waited longest there, and nobody of another', () => {
  const { enter, out, size } = setUp();
  enter('b', 'b1');
  for (const name of ['a1', 'a2', 'a3', 'a4']) enter('a', name);
  expect(out).toEqual(['a1', 'a2']);
  expect(size()).toBe(3);
});

it('where all addresses are within theirs, the one who has waited longest of all goes', () => {
  const { enter, out, size } = setUp();
  for (const address of ['a', 'b', 'c', 'd', 'e', 'f']) enter(address, address);
  expect(out).toEqual(['a', 'b']);
  expect(size()).toBe(4);
});

it('who leaves frees one place, however often that is said', () => {
  const { enter, out, size } = setUp();
  const leave = enter('a', 'a1');
  enter('a', 'a2');
  leave();
  leave();
  enter('a', 'a3');
  expect(out).toEqual([]);
  expect(size()).toBe(2);
});

it('who was turned out cannot leave in the place of another', () => {
  const { enter, size } = setUp();
  const leave = enter('a', 'a1');
  enter('a', 'a2');
  enter('a', 'a3');
  leave();
  expect(size()).toBe(2);
});
