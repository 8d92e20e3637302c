import { pino } from 'pino';
import { v7 as uuidv7 } from 'uuid';
import { describe, expect, it } from 'vitest';
import { atTestEnd } from '../../../test/support/at-test-end.ts';
import { temporaryFolder } from '../../../test/support/service.ts';
import { openSpool } from '../spool/spool.ts';
import { makeOutboxGate } from './outbox-gate.ts';

const logId = 'log';
const of = (flagKey: string, n = 1) => JSON.stringify({ flagKey, n });
const many = (count: number) => Array.from({ length: count }, (_, n) => of(`flag-${n}`));

/** A gate before a real spool, which may hold events from before. */
const setUp = (before: { entries: string[]; of?: string } = { entries: [] }) => {
  const spool = openSpool({
    folder: temporaryFolder(),
    maxBytes: 1e6,
    now: () => new Date(),
    newId: () => uuidv7(),
    onProblem: () => {},
  });
  atTestEnd(async () => spool.close());
  spool.add(before.entries.map((entry) => ({ entry, logId: before.of ?? logId, transactionId: null })));
  const lines: string[] = [];
  const logger = pino({ level: 'error' }, { write: (line: string) => void lines.push(JSON.parse(line).msg) });
  let spooled = 0;
  const gate = makeOutboxGate({ spool, logId, onSpooled: () => spooled++, logger });
  const admits = (...entries: string[]) => gate.admits(entries);
  return { gate, admits, spool, lines, spooled: () => spooled };
};

describe('the gate before the outbox', () => {
  it('starts open, unless the spool holds events of this log: those come first', () => {
    expect(setUp().admits(of('a'))).toBe(true);
    expect(setUp({ entries: [of('a')], of: 'another log' }).admits(of('a'))).toBe(true);
    expect(setUp({ entries: [of('a')] }).admits(of('b'))).toBe(false);
  });

  it('admits nothing any more once an event was spooled, or the outbox did not take one; that is told once', () => {
    const spooling = setUp();
    spooling.gate.spool([of('a')], '7');
    expect([spooling.admits(of('b')), spooling.gate.isOpen()]).toEqual([false, false]);
    const closing = setUp();
    closing.gate.close();
    closing.gate.close();
    expect([closing.admits(of('b')), closing.gate.isOpen()]).toEqual([false, false]);
    expect(closing.lines).toEqual(['the audit outbox takes no events: they are spooled, and recorded later']);
  });

  it('wakes the replay for what no transaction holds back, and for nothing else', () => {
    const { gate, spooled } = setUp();
    gate.spool([of('a')], '7');
    expect(spooled()).toBe(0);
    gate.spool([of('a'), of('b')], null);
    expect(spooled()).toBe(1);
  });

  it('opens after a pass that left nothing; where another process has spooled meanwhile, the next pass closes it', () => {
    const { gate, admits, spool } = setUp();
    gate.close();
    gate.startPass();
    gate.endPass();
    expect([admits(of('a')), gate.isOpen()]).toEqual([true, true]);
    spool.add([{ entry: of('a'), logId, transactionId: null }]);
    gate.startPass();
    expect(admits(of('a', 2))).toBe(false);
  });

  it('where few are left, keeps out what is about the same things alone, and whatever is about what goes to the spool now', () => {
    const { gate, admits } = setUp({ entries: [of('a'), of('b')] });
    gate.startPass();
    gate.endPass();
    expect([admits(of('a', 2)), admits(of('c')), admits(of('c', 2), of('b', 2))]).toEqual([false, true, false]);
    gate.spool([of('c', 3)], null);
    expect([admits(of('c', 4)), admits(of('d')), gate.isOpen()]).toEqual([false, true, false]);
    gate.close();
    expect(admits(of('d', 2))).toBe(false);
  });

  it('stays closed where many are left: the spool would never run empty', () => {
    const few = setUp({ entries: many(500) });
    few.gate.startPass();
    few.gate.endPass();
    expect(few.admits(of('other'))).toBe(true);
    const more = setUp({ entries: many(501) });
    more.gate.startPass();
    more.gate.endPass();
    expect(more.admits(of('other'))).toBe(false);
  });

  it('knows at the next pass whether the outbox has taken others meanwhile: then a refusal is about the event', () => {
    const { gate, admits } = setUp({ entries: [of('a')] });
    expect(gate.startPass()).toBe(false);
    gate.endPass();
    admits(of('a', 2));
    expect(gate.startPass()).toBe(false);
    gate.endPass();
    admits(of('b'));
    expect(gate.startPass()).toBe(true);
    gate.endPass();
    expect(gate.startPass()).toBe(false);
  });
});
