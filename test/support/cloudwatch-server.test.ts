import { PutLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { clientOf, dayMs, group, hourMs, setUpShipping, stream } from './cloudwatch-shipping.ts';
import { testInstant } from './log-entries.ts';

describe('the test server enforces PutLogEvents’ rules', () => {
  const nowMs = testInstant.getTime();
  const put = async (logEvents: { timestamp: number; message: string }[], names: object = {}) => {
    const { server } = await setUpShipping();
    const client = clientOf(server);
    onTestFinished(() => client.destroy());
    return client.send(new PutLogEventsCommand({ logGroupName: group, logStreamName: stream, logEvents, ...names }));
  };
  const events = (...timestamps: number[]) => timestamps.map((timestamp) => ({ timestamp, message: 'm' }));

  it.each<[string, { timestamp: number; message: string }[], object, string]>([
    ['an empty batch', [], {}, 'InvalidParameterException'],
    ['an empty message', [{ timestamp: nowMs, message: '' }], {}, 'InvalidParameterException'],
    ['10,001 events', events(...Array.from({ length: 10_001 }, () => nowMs)), {}, 'InvalidParameterException'],
    ['an event over 1 MB', [{ timestamp: nowMs, message: 'é'.repeat((1_048_576 - 26) / 2 + 1) }], {}, 'Log event too large'],
    [
      'a batch over 1 MB',
      [0, 1].map(() => ({ timestamp: nowMs, message: 'x'.repeat(1_048_576 / 2 - 25) })),
      {},
      'Upload too large',
    ],
    ['events out of order', events(nowMs, nowMs - 1), {}, 'chronological'],
    ['a span over 24 hours', events(nowMs - dayMs - 1, nowMs), {}, '24 hours'],
    ['an unknown group', events(nowMs), { logGroupName: 'other' }, 'ResourceNotFoundException'],
    ['an unknown stream', events(nowMs), { logStreamName: 'other' }, 'ResourceNotFoundException'],
    ['a name that is none', events(nowMs), { logStreamName: 'a:b' }, 'InvalidParameterException'],
  ])('refuses %s', async (_what, logEvents, names, error) => {
    const failure: unknown = await put(logEvents, names).catch((reason: unknown) => reason);
    expect(String(failure)).toContain(error);
  });

  it('accepts what just fits, and rejects by age while the call succeeds', async () => {
    const [full, widest] = [
      [0, 1].map(() => ({ timestamp: nowMs, message: 'x'.repeat(1_048_576 / 2 - 26) })),
      events(nowMs - dayMs, nowMs),
    ];
    expect((await put(full)).rejectedLogEventsInfo).toBeUndefined();
    expect((await put(widest)).rejectedLogEventsInfo).toBeUndefined();
    const ages = await put(events(nowMs - 14 * dayMs - 1, nowMs - 1, nowMs + 2 * hourMs, nowMs + 2 * hourMs + 1));
    expect(ages.rejectedLogEventsInfo).toEqual({ tooOldLogEventEndIndex: 1, tooNewLogEventStartIndex: 3 });
  });

  it('refuses a call that is not signed', async () => {
    const { server } = await setUpShipping();
    const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'Logs_20140328.PutLogEvents' };
    const response = await fetch(server.url, { method: 'POST', headers, body: '{}' });
    expect([response.status, await response.json()]).toEqual([
      400,
      expect.objectContaining({ __type: 'MissingAuthenticationTokenException' }),
    ]);
  });
});
