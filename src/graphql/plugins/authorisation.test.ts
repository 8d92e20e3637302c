import { buildSchema, type GraphQLSchema } from 'graphql';
import { createYoga } from 'graphql-yoga';
import { describe, expect, it, vi } from 'vitest';
import type { Role } from '../../access/model/actor.ts';
import type { Context } from '../context.ts';
import { useAuthorisation } from './authorisation.ts';

const schema: GraphQLSchema = buildSchema(
  'type Query { open: Int, reads: Int, forgotten: Int, nested: Query } type Mutation { writes: Int } type Subscription { follows: Int }',
);
const marks: Record<string, Role | null> = { open: null, reads: 'AUDITOR', nested: null, writes: 'ADMIN', follows: 'AUDITOR' };
const ran = vi.fn();
for (const type of [schema.getQueryType(), schema.getMutationType()]) {
  for (const field of Object.values(type?.getFields() ?? {})) {
    if (field.name in marks) field.extensions = { requiredRole: marks[field.name] };
    field.resolve = () => {
      ran(field.name);
      return 1;
    };
  }
}

const run = async (query: string, ...roles: Role[]) => {
  const recordAccessDenied = vi.fn();
  ran.mockClear();
  const yoga = createYoga({
    schema,
    plugins: [useAuthorisation()],
    context: { caller: { roles }, app: { recordAccessDenied } } as Pick<Context, never>,
    logging: false,
  });
  const response = await yoga.fetch('http://localhost/graphql', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
  });
  return { status: response.status, denied: recordAccessDenied.mock.calls.map(([, what]) => what), ran: ran.mock.calls.flat() };
};

describe('authorisation', () => {
  it('refuses a root field that nobody has marked, to an admin as well', async () => {
    expect(await run('{ open forgotten }', 'ADMIN', 'AUDITOR', 'AUDIT_WRITER')).toEqual({
      status: 403,
      denied: [{ operation: 'forgotten', requiredRole: 'none has access' }],
      ran: [],
    });
  });

  it('lets everybody with a token have what takes no role, introspection too', async () => {
    expect(await run('{ open __typename __schema { queryType { name } } }')).toEqual({ status: 200, denied: [], ran: ['open'] });
  });

  it('lets an admin have what an auditor may have, and not the other way round', async () => {
    expect(await run('{ reads }', 'ADMIN')).toMatchObject({ status: 200, ran: ['reads'] });
    expect(await run('mutation { writes }', 'AUDITOR')).toMatchObject({ status: 403, ran: [] });
  });

  it('looks wherever the fields of a root type stand, also below another field', async () => {
    expect(await run('{ nested { reads } }')).toMatchObject({
      status: 403,
      denied: [{ operation: 'reads', requiredRole: 'AUDITOR' }],
    });
  });
});
