import { describe, expect, it, vi } from 'vitest';
import { startGraphQL } from '../../test/support/graphql-server.ts';
import { aLogEntry } from '../../test/support/log-entries.ts';
import { json, request } from '../../test/support/raw-http.ts';
import { openRawSocket } from '../../test/support/raw-socket.ts';
import type { Flag } from '../flags/model/flag.ts';
import { makeOperationBudget } from './operation-budget.ts';

const at = new Date('2026-01-01T00:00:00Z');
const aFlag = (n: number): Flag => ({
  id: `00000000-0000-7000-8000-00000000000${n}`,
  key: `flag-${n}`,
  name: 'Flag',
  description: null,
  type: 'BOOLEAN',
  variants: [],
  tags: [],
  status: 'ACTIVE',
  statusLastSet: {},
  version: 1,
  createdAt: at,
  createdBy: null,
  updatedAt: at,
});

describe('an operation whose time is up', () => {
  it('is answered at once, and begins no more reads', async () => {
    const reads = { begun: 0, end: Promise.withResolvers<[]>() };
    const { ask } = await startGraphQL(
      {
        flags: { list: async () => Array.from({ length: 9 }, (_, n) => aFlag(n)) },
        schedules: {
          list: () => {
            reads.begun++;
            return reads.end.promise;
          },
        },
      },
      { limits: { ms: 50 } },
    );
    const answer = await ask('{ flags { edges { node { schedules { edges { node { id } } } } } } }');
    expect(answer).toMatchObject({ status: 503, code: 'OPERATION_TIMED_OUT' });
    expect(answer.body).toEqual({
      errors: [expect.objectContaining({ message: expect.stringContaining('was stopped after 0.05 s') })],
    });
    // As many as may be under way at a time; those that waited for them do not follow.
    expect(reads.begun).toBe(4);
    reads.end.resolve([]);
    expect(await ask('{ flags { edges { node { key } } } }')).toMatchObject({ status: 200 });
    expect(reads.begun).toBe(4);
  });

  it('begins no more mutations, and says that those before may have been made', async () => {
    const first = Promise.withResolvers<Flag>();
    const created: string[] = [];
    const createFlag = (_admin: unknown, { key }: { key: string }) => {
      created.push(key);
      return first.promise;
    };
    const { ask } = await startGraphQL({ createFlag }, { limits: { ms: 50 } });
    const create = (key: string) => `${key}: createFlag(input: { key: "${key}", name: "F" }) { ... on Flag { key } }`;
    const answer = await ask(`mutation { ${create('a')} ${create('b')} }`);
    expect(answer).toMatchObject({ status: 503, code: 'OPERATION_TIMED_OUT' });
    expect(answer.body.errors[0].message).toContain('check that before you send it again');
    first.resolve(aFlag(1));
    expect(await ask('mutation { c: createFlag(input: { key: "c", name: "F" }) { ... on Flag { key } } }')).toMatchObject({
      status: 200,
    });
    expect(created).toEqual(['a', 'c']);
  });

  it('is no subscription: only what an event asks for takes time', async () => {
    const entries = async function* () {
      yield aLogEntry(1);
      await vi.waitFor(() => expect(Date.now()).toBeGreaterThan(startedAt + 100));
      yield aLogEntry(2);
    };
    const startedAt = Date.now();
    const { url } = await startGraphQL({ follow: async () => entries() }, { limits: { ms: 50 } });
    const socket = openRawSocket(url);
    await socket.init('a-token');
    socket.send({ id: '1', type: 'subscribe', payload: { query: 'subscription { auditEvents { position } }' } });
    for (const position of [1, 2])
      expect(await socket.next()).toMatchObject({ payload: { data: { auditEvents: { position } } } });
  });
});

describe('an operation that reads too many bytes', () => {
  it('is ended with one error, whatever else it asks for', async () => {
    const variants = [{ key: 'a', value: 'x'.repeat(60_000) }];
    const list = vi.fn(async () => Array.from({ length: 9 }, (_, n) => ({ ...aFlag(n), variants })));
    const { ask } = await startGraphQL({ flags: { list } });
    const aliases = (count: number) =>
      Array.from({ length: count }, (_, n) => `f${n}: flags(first: 9) { edges { node { key } } }`);
    expect(await ask(`{ ${aliases(1)} }`)).toMatchObject({ status: 200 });
    const answer = await ask(`{ ${aliases(30).join(' ')} }`);
    expect(answer).toMatchObject({ status: 400, code: 'READ_TOO_MUCH' });
    expect(answer.body.errors).toHaveLength(1);
    expect(answer.body.errors[0].message).toContain('has read 2 MiB, but at most 1 MiB are allowed');
    expect(list.mock.calls.length).toBeLessThan(10);
  });
});

describe('an event of a subscription that would hold too much', () => {
  it.each(['a socket', 'HTTP'])('ends it with an error that says so, over %s', async (transport) => {
    const entries = async function* () {
      yield aLogEntry(1);
      yield aLogEntry(2, { metadata: { filler: 'x'.repeat(10_000) } as never });
      yield aLogEntry(3);
    };
    const { url } = await startGraphQL({ follow: async () => entries() });
    const query = 'subscription { auditEvents { position metadata } }';
    const refused = { errors: [expect.objectContaining({ extensions: { code: 'ANSWER_TOO_LARGE' } })] };
    if (transport === 'HTTP') {
      const answer = await request(url, json({ query }, { authorization: 'Bearer a-token', accept: 'text/event-stream' }));
      const events = [...answer.text.matchAll(/^data: (.+)$/gm)].map(([, data]) => JSON.parse(data ?? ''));
      expect(events).toEqual([{ data: { auditEvents: expect.objectContaining({ position: 1 }) } }, refused]);
      return;
    }
    const socket = openRawSocket(url);
    await socket.init('a-token');
    socket.send({ id: '1', type: 'subscribe', payload: { query } });
    expect(await socket.next()).toMatchObject({ payload: { data: { auditEvents: { position: 1 } } } });
    expect(await socket.next()).toMatchObject({ type: 'next', payload: refused });
    expect(await socket.next()).toEqual({ id: '1', type: 'complete' });
  });
});

it('a read that begins as another one ends does not go before those that wait', async () => {
  const budget = makeOperationBudget({ rows: 100, bytes: 100, ms: 60_000, readsAtOnce: 1 });
  const [first, second, last] = Array.from({ length: 3 }, () => Promise.withResolvers<void>());
  const begun: string[] = [];
  const read = (name: string, end: Promise<void> | undefined, onEnd = () => {}) => {
    const run = async () => {
      begun.push(name);
      await end;
    };
    const weigh = () => {
      onEnd();
      return { rows: 1, bytes: 1 };
    };
    return budget.read(run, weigh);
  };
  const begunLast = Promise.withResolvers<void>();
  const beginLast = () => queueMicrotask(() => begunLast.resolve(read('last', last?.promise)));
  const reads = [read('first', first?.promise, beginLast), read('second', second?.promise)];
  first?.resolve();
  await reads[0];
  await new Promise(setImmediate);
  expect(begun).toEqual(['first', 'second']);
  second?.resolve();
  last?.resolve();
  await Promise.all([...reads, begunLast.promise]);
  expect(begun).toEqual(['first', 'second', 'last']);
  budget.endEvent();
});
