import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pino } from 'pino';
import { v7 as uuidv7 } from 'uuid';
import { expect, it, onTestFinished } from 'vitest';
import { auditLoss } from '../model/audit-loss.ts';
import { readEvent, splitLines } from '../model/entry.ts';
import { openSpool } from '../spool/spool.ts';
import { makeDisclose } from './disclose.ts';
import { makeEntryWriter } from './entry-writer.ts';

const at = new Date('2026-01-01T00:00:00Z');

/** A writer with a real spool, and an outbox that takes everything. */
const makeWorld = () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'flagtrail-writer-'));
  const spool = openSpool({ folder, maxBytes: 1e6, now: () => at, newId: () => uuidv7(), onProblem: () => {} });
  const outbox: { eventType: string; metadata: unknown }[] = [];
  const writer = makeEntryWriter({
    spool,
    logId: 'log',
    emit: async (entries) => {
      outbox.push(...entries.map(splitLines).map(({ entry, disclosures }) => readEvent(entry, disclosures)));
      return true;
    },
    fatesOf: async () => new Map(),
    onRecorded: () => {},
    clock: { now: () => at },
    newId: () => uuidv7(),
    disclose: makeDisclose({ newSalt: () => 'AAAAAAAAAAAAAAAAAAAAAA' }),
    random: () => 0,
    defaultEnvironment: 'production',
    logger: pino({ level: 'silent' }),
  });
  onTestFinished(async () => {
    await writer.stop();
    spool.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return { spool, outbox, writer };
};
const lossOf = (count: number) => auditLoss({ reason: 'test', count, since: at, until: at });

it('an event that has no form as an entry is refused, counted as lost, and declared in the log', async () => {
  const { spool, outbox, writer } = makeWorld();
  expect(writer.audit.logEvent({ ...lossOf(Number.NaN), id: 'its-own' })).toEqual({
    ok: false,
    reason: 'the event could not be written down',
  });
  expect(writer.ofTransactions.toEntry(lossOf(Number.NaN))).toBeNull();
  expect(writer.audit.logEvent(lossOf(1))).toEqual({ ok: true });
  expect(spool.losses('log')).toMatchObject([{ reason: 'event could not be written down', count: 2 }]);
  writer.start();
  await expect
    .poll(() => outbox.map(({ metadata }) => metadata))
    .toEqual([
      { count: 1, reason: 'test', since: at.toISOString(), until: at.toISOString() },
      {
        ...{ count: 2, reason: 'event could not be written down', since: at.toISOString(), until: at.toISOString() },
        events: [
          { id: 'its-own', eventType: 'audit.loss' },
          { id: expect.stringMatching(/^[0-9a-f-]{36}$/), eventType: 'audit.loss' },
        ],
        more: 0,
      },
    ]);
  expect(spool.counts()).toEqual({ spooled: 0, lost: 0 });
});

it('what is queued at the stop is in the outbox when that is over', async () => {
  const { outbox, writer } = makeWorld();
  writer.audit.logEvent(lossOf(7));
  await writer.stop();
  expect(outbox).toMatchObject([{ eventType: 'audit.loss', metadata: { count: 7 } }]);
});

it('an entry that no tile could serve is refused, named, kept in a file with its disclosures, and stops nothing', async () => {
  const { spool, outbox, writer } = makeWorld();
  const atLeast = (length: number) => ({ ...lossOf(1), id: 'long', workspaceId: 'w'.repeat(length) });
  expect(writer.audit.logEvent(atLeast(65_535))).toEqual({ ok: false, reason: 'the event could not be written down' });
  // What the disclosures hold does not count.
  expect(writer.audit.logEvent({ ...lossOf(2), description: 'd'.repeat(100_000) })).toEqual({ ok: true });
  expect(spool.losses('log')).toMatchObject([
    { reason: 'entry_too_large', count: 1, events: [{ id: 'long', eventType: 'audit.loss' }] },
  ]);
  expect(spool.deadLetters()).toBe(1);
  await writer.stop();
  expect(outbox).toMatchObject([{ metadata: { count: 2 } }]);
});
