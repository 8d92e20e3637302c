import { getEventListeners } from 'node:events';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { makeBus } from '../../audit/log/bus.ts';
import type { Witnessed } from '../model/signing-refusals.ts';
import type { AnchorRunner } from './anchor-runner.ts';
import type { SigningOutcome } from './sign-checkpoint.ts';
import { makeSigner } from './signer.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A signer over a log that signs each size once, at most once a second. */
const start = async () => {
  const log = { size: 0, refuses: null as string | null, contradicts: null as Witnessed | null, broken: false };
  const tries: number[] = [];
  const signed: number[] = [];
  const signedAt: number[] = [];
  let signedAtMs = Number.NEGATIVE_INFINITY;
  const sign = async ({ hurry = false } = {}): Promise<SigningOutcome> => {
    tries.push(log.size);
    if (log.broken) throw new Error('no database');
    if (log.refuses) return { is: 'refused', refusal: { why: log.refuses, contradicts: log.contradicts } };
    if (signed.at(-1) === log.size) return { is: 'up to date', note: `note ${log.size}` };
    const waitMs = signedAtMs + 1000 - Date.now();
    if (waitMs > 0 && !hurry) return { is: 'too early', waitMs };
    signedAtMs = Date.now();
    signed.push(log.size);
    signedAt.push(signedAtMs);
    const note = `note ${log.size}`;
    return { is: 'signed', checkpoint: { epoch: 1, size: log.size, rootHash: Buffer.alloc(32), note, signedAt: new Date() } };
  };
  const notes: string[] = [];
  const read = Promise.withResolvers<void>();
  const anchor: AnchorRunner = {
    start: () => read.promise,
    put: (note) => void notes.push(note),
    stop: async () => void notes.push('stopped'),
  };
  const lines: { level: number; msg: string }[] = [];
  const bus = makeBus();
  const signer = makeSigner({
    signCheckpoint: { sign },
    anchors: [anchor],
    bus,
    logger: pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) }),
    describe: String,
  });
  signer.start();
  const grow = async () => {
    log.size += 1;
    bus.wake('log');
    await vi.advanceTimersByTimeAsync(0);
  };
  return { log, tries, signed, signedAt, notes, lines, bus, signer, grow, anchorIsRead: read.resolve };
};

const begun = async () => {
  const started = await start();
  started.anchorIsRead();
  await vi.advanceTimersByTimeAsync(0);
  return started;
};

describe('a signer', () => {
  it('says once why it signs no more, however the log grows meanwhile, and again why another checkpoint keeps it', async () => {
    const { log, lines, grow, signer } = await begun();
    const said = () => lines.filter(({ level }) => level === 50).map(({ msg }) => msg);
    const refuse = async (size: number) => {
      log.contradicts = { logId: 'log', epoch: 1, size, rootHash: Buffer.alloc(32), where: 'the file' };
      for (let n = 0; n < 3; n++) {
        log.refuses = `the file holds ${size}, the log has ${log.size + 1}`;
        await grow();
        await vi.advanceTimersByTimeAsync(1000);
      }
    };
    await refuse(30);
    expect(said()).toEqual(['the log is not signed any more: the file holds 30, the log has 1']);
    // Whoever asks is told how it is now.
    expect(signer.refusal()?.why).toBe('the file holds 30, the log has 3');
    await refuse(40);
    expect(said().slice(1)).toEqual(['the log is not signed any more: the file holds 40, the log has 4']);
  });

  it('looks at the log once a second while it is refused, however busy the log is', async () => {
    const { log, tries, grow } = await begun();
    log.refuses = 'the reason';
    const before = tries.length;
    for (let n = 0; n < 100; n++) {
      await grow();
      await vi.advanceTimersByTimeAsync(30);
    }
    expect(tries.length - before).toBeLessThanOrEqual(4);
    await vi.advanceTimersByTimeAsync(1000);
    expect(tries.at(-1)).toBe(100);
  });

  it('leaves nothing behind of the seconds that it waited', async () => {
    const listen = vi.spyOn(EventTarget.prototype, 'addEventListener');
    onTestFinished(() => listen.mockRestore());
    const { grow } = await begun();
    for (let n = 0; n < 10; n++) {
      await grow();
      await vi.advanceTimersByTimeAsync(500);
    }
    await vi.advanceTimersByTimeAsync(2000);
    const signals = new Set(listen.mock.contexts.filter((context) => context instanceof AbortSignal));
    expect(signals.size).toBeGreaterThan(0);
    for (const signal of signals) expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('signs at once, then at most once a second, and the last state within a second; idle, it leaves the database alone', async () => {
    const { signed, signedAt, notes, tries, grow, signer } = await begun();
    for (let n = 0; n < 25; n++) {
      await grow();
      await vi.advanceTimersByTimeAsync(100);
    }
    await vi.advanceTimersByTimeAsync(1000);
    // Of what the test commits in 2.5 seconds, the last second's is in the fourth.
    expect(signed).toHaveLength(4);
    expect(signed.at(-1)).toBe(25);
    expect(notes).toEqual(signed.map((size) => `note ${size}`));
    for (const [index, at] of signedAt.entries()) expect(at - (signedAt[index - 1] ?? 0)).toBeGreaterThanOrEqual(1000);
    const before = tries.length;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(tries.length - before).toBeLessThanOrEqual(12);
    await signer.stop({ deadlineMs: 1000 });
  });

  it('signs the last state when it stops, and nothing afterwards', async () => {
    const { log, signed, notes, grow, bus, signer } = await begun();
    await grow();
    await signer.stop({ deadlineMs: 1000 });
    expect(signed).toEqual([0, 1]);
    expect(notes.at(-1)).toBe('stopped');
    log.size = 7;
    bus.wake('log');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(signed).toEqual([0, 1]);
  });

  it('hears the anchors before it signs, but waits for them five seconds at most', async () => {
    const { signed, signer } = await start();
    await vi.advanceTimersByTimeAsync(4999);
    expect(signed).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(signed).toEqual([0]);
    await signer.stop({ deadlineMs: 1000 });
  });

  it('says once that it is refused, and once that it signs again', async () => {
    const { log, lines, signed, grow, signer } = await begun();
    log.refuses = 'the reason';
    for (let n = 0; n < 5; n++) await grow();
    expect(signer.refusal()?.why).toBe('the reason');
    log.refuses = null;
    await grow();
    await vi.advanceTimersByTimeAsync(1100);
    expect(signer.refusal()).toBe(null);
    expect(signed).toEqual([0, 6]);
    expect(lines.map(({ level, msg }) => `${level} ${msg}`)).toEqual([
      '50 the log is not signed any more: the reason',
      '30 the log is signed again',
    ]);
    await signer.stop({ deadlineMs: 1000 });
  });

  it('tries again while the database is gone, and says so once', async () => {
    const { log, lines, signed, grow, signer } = await begun();
    log.broken = true;
    await grow();
    await vi.advanceTimersByTimeAsync(5000);
    expect(signer.refusal()?.why).toContain('no database');
    log.broken = false;
    await vi.advanceTimersByTimeAsync(1000);
    expect(signer.refusal()).toBe(null);
    expect(signed).toEqual([0, 1]);
    expect(lines.map(({ msg }) => msg)).toEqual([
      'a checkpoint was not signed: Error: no database; it is tried again',
      'checkpoints are signed again',
    ]);
    await signer.stop({ deadlineMs: 1000 });
  });
});
