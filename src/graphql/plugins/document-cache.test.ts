import { describe, expect, it } from 'vitest';
import { ada, startGraphQL } from '../../../test/support/graphql-server.ts';

const start = async ({ roles = ada.roles } = {}) => {
  const server = await startGraphQL(
    { recordAccessDenied: () => {}, flags: { list: async () => [] } },
    { identity: () => ({ ...ada, roles }) },
  );
  const parse = (query: string) => server.graphql.getEnveloped({}).parse(query);
  /** What is kept is not parsed again. */
  const isKept = (query: string) => {
    const first = parse(query);
    return parse(query) === first;
  };
  return { ...server, isKept };
};
const viewer = (aliases: number) => `{ ${Array.from({ length: aliases }, (_, n) => `a${n}: viewer { roles }`).join(' ')} }`;

describe('a parsed document', () => {
  it('is kept once it has run', async () => {
    const { ask, isKept } = await start();
    expect(isKept(viewer(1))).toBe(false);
    expect(await ask(viewer(1))).toMatchObject({ status: 200 });
    expect(isKept(viewer(1))).toBe(true);
    expect(await ask(viewer(1))).toMatchObject({ status: 200, body: { data: { a0: { roles: ['ADMIN'] } } } });
  });

  it.each([
    ['cannot be parsed', '{ viewer { roles }', 400],
    ['is not valid', '{ viewer { nothing } }', 400],
    ['has a name that is too long', `{ ${'x'.repeat(256)}: viewer { roles } }`, 400],
    ['costs too much', '{ schedules(first: 200) { edges { node { conflicts { conflicts { id } } } } } }', 400],
    ['is longer than 16 KiB', `#${'x'.repeat(16 * 1024)}\n${viewer(1)}`, 200],
  ])('is not where it %s', async (_what, query, status) => {
    const { ask, graphql } = await start();
    const outcome = () => {
      try {
        return graphql.getEnveloped({}).parse(query);
      } catch (error) {
        return error;
      }
    };
    expect(await ask(query)).toMatchObject({ status });
    expect(await ask(query)).toMatchObject({ status });
    expect(outcome()).not.toBe(outcome());
  });

  it('is not where its caller may not run it', async () => {
    const { ask, isKept } = await start({ roles: [] });
    expect(await ask('{ flag(key: "a") { id } }')).toMatchObject({ status: 403 });
    expect(isKept('{ flag(key: "a") { id } }')).toBe(false);
  });

  it('goes when 16 MiB of them are kept and it was not asked for the longest', async () => {
    const { ask, isKept } = await start();
    // Some 900 KB each, parsed.
    const dense = (n: number) => `query q${n} { flags(filter: { tags: [${'"x" '.repeat(1900)}] }) { edges { cursor } } }`;
    for (let n = 0; n < 30; n++) {
      expect(await ask(dense(n))).toMatchObject({ status: 200 });
      // Asked for again and again, the first stays.
      await ask(dense(0));
    }
    expect([0, 1, 5, 28, 29].map((n) => isKept(dense(n)))).toEqual([true, false, false, true, true]);
  });
});
