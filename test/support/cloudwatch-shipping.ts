import type { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { pino } from 'pino';
import { expect, onTestFinished, vi } from 'vitest';
import type { LogEntry } from '../../src/audit/model/audit-event.ts';
import { makeCloudWatchClient } from '../../src/audit/sinks/cloudwatch/client.ts';
import { makeCloudWatchSink } from '../../src/audit/sinks/cloudwatch/cloudwatch-sink.ts';
import { makeSinkRunner } from '../../src/audit/sinks/sink-runner.ts';
import { type CloudWatchServer, startCloudWatchServer } from './cloudwatch-server.ts';
import { logEntries, makeMemoryLog, testInstant } from './log-entries.ts';
import { makeMemorySinkCursors } from './memory-sink-cursors.ts';

export const [group, stream] = ['flagtrail', 'audit'];
export const hourMs = 3_600_000;
export const dayMs = 24 * hourMs;

/** The timeout limits the wait for a call that hangs. On a machine under load, an honest answer takes long, too. */
export const clientOf = (server: CloudWatchServer, requestTimeoutMs = 20_000): CloudWatchLogsClient =>
  makeCloudWatchClient({
    endpoint: server.url,
    region: 'eu-central-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    requestTimeoutMs,
  });

/** A CloudWatch server and a log, with a clock that both share. */
export const setUpShipping = async ({
  entries = [],
  refuse,
  ready = true,
  requestTimeoutMs,
}: {
  entries?: LogEntry[];
  refuse?: (message: string) => boolean;
  ready?: boolean;
  requestTimeoutMs?: number;
} = {}) => {
  let nowMs = testInstant.getTime();
  const clock = { now: () => new Date(nowMs) };
  const server = await startCloudWatchServer({ now: clock.now, refuse });
  onTestFinished(() => server[Symbol.asyncDispose]());
  if (ready) {
    server.createGroup(group);
    server.createStream(group, stream);
  }
  const [log, cursors] = [makeMemoryLog(entries), makeMemorySinkCursors()];
  const lines: Record<string, unknown>[] = [];
  const logger = pino({ level: 'info' }, { write: (line: string) => lines.push(JSON.parse(line)) });

  /** Starts a process's shipping. It is stopped when the test ends, before the server. */
  const start = (holder = 'a') => {
    const sink = makeCloudWatchSink({
      client: clientOf(server, requestTimeoutMs),
      logGroup: group,
      logStream: stream,
      clock,
      logger,
    });
    const runner = makeSinkRunner({
      sink,
      log,
      cursors,
      logger,
      holder,
      random: () => 0,
      pollMs: 20,
      leaseMs: 60_000,
      backoff: { firstMs: 10, maxMs: 40 },
    });
    onTestFinished(() => runner.stop({ deadlineMs: 0 }));
    runner.start();
    return runner;
  };
  const accepted = () => server.accepted(group, stream).map((event) => ({ ...event, body: JSON.parse(event.message) }));
  const acceptedPositions = (): number[] => accepted().map(({ body }) => body.position);
  const untilAccepted = (last: number) =>
    vi.waitFor(async () => expect(await cursors.read('cloudwatch')).toBe(last), { timeout: 20_000 });
  const passTime = (ms: number) => {
    nowMs += ms;
  };
  return { server, log, cursors, lines, start, accepted, acceptedPositions, untilAccepted, passTime };
};
/** The positions from `first` to `last`. */
export const range = (first: number, last: number) => logEntries(first, last).map(({ position }) => position);
/** How many calls of PutLogEvents there were. */
export const puts = (server: CloudWatchServer) => server.calls.filter((call) => call === 'PutLogEvents').length;
