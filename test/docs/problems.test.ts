import { describe, expect, it } from 'vitest';
import { checkGraphql } from './check-graphql.ts';
import { checkTypescript } from './check-typescript.ts';
import { blocksOf, commandsOf } from './pages.ts';
import { missingTools, runShell } from './run-shell.ts';

const timeout = 100_000;

const page = (language: string, ...lines: string[]) =>
  blocksOf('docs/page.md', ['# A page', '', `\`\`\`${language}`, ...lines, '```', ''].join('\n'));
const firstLine = (problem = '') => problem.split('\n')[0];

describe('a block of the documentation that does not hold is named with its page and line', () => {
  it('where it asks for a field that the GraphQL schema does not have', () => {
    const blocks = page('graphql', 'query {', '  flags { edges { node { colour } } }', '}');
    expect(checkGraphql(blocks)).toEqual(['docs/page.md:5: Cannot query field "colour" on type "Flag".']);
  });

  it('where it is no GraphQL', () => {
    expect(checkGraphql(page('graphql', 'query {', '  flags {'))).toEqual([
      'docs/page.md:6: Syntax Error: Expected Name, found <EOF>.',
    ]);
  });

  it('where the package does not export what TypeScript imports, or a type does not fit', { timeout }, async () => {
    const hidden = '<!-- ts:\ndeclare const userId: number;\n-->\n';
    const block =
      "```ts\nimport { createAuditClient } from 'flagtrail/client';\ncreateAuditClient({ url: '', token: userId });\n```\n";
    const missing = page('ts', "import { nothing } from 'flagtrail/schemas';", 'nothing();');
    const problems = await checkTypescript([...blocksOf('docs/client.md', hidden + block), ...missing]);
    expect(problems.map((problem) => problem.replace(/: error (TS\d+): .*$/s, ' $1'))).toEqual([
      'docs/client.md:6 TS2322',
      'docs/page.md:4 TS2305',
    ]);
  });

  it.for([
    ['is not there', ['true', 'flagtrial status'], 'docs/page.md:5: "flagtrial status" ended with 127'],
    [
      'fails within a substitution',
      ['export TOKEN=$(npm run --silent tokens)'],
      /^docs\/page.md:4: "npm run --silent tokens" ended/,
    ],
    ['fails before a pipe', ['false | cat'], 'docs/page.md:4: "cat" ended with 1'],
    ['is not run, and has an option that its help does not name', ['npm run chaos -- --second 5'], /page.md:4: .* ended with 1$/],
    ['is not run, and names a script that there is not', ['npm ci', 'npm run example:php'], /page.md:5: .* ended with 1$/],
    ['is not run, and names a file that there is not', ['npx vitest run test/flags/none.test.ts'], /page.md:4: .* ended with 1$/],
  ] as [string, string[], string | RegExp][])('where a command %s', { timeout }, async ([, lines, expected]) => {
    const { problems } = await runShell('docs/page.md', page('sh', ...lines));
    expect(problems).toHaveLength(1);
    if (typeof expected === 'string') expect(firstLine(problems[0])).toBe(expected);
    else expect(firstLine(problems[0])).toMatch(expected);
  });

  it('where a command of a session fails, and not where the session shows an answer', { timeout }, async () => {
    const session = page('console', '$ true \\', '    && false', 'not a command', '$ true');
    const { problems } = await runShell('docs/page.md', commandsOf(session));
    expect(problems.map(firstLine)).toEqual(['docs/page.md:5: "false" ended with 1']);
  });

  it('where a command does not end', { timeout }, async () => {
    const { problems } = await runShell('docs/page.md', page('sh', 'true', 'tail -f /dev/null'), { timeoutMs: 2000 });
    expect(problems.map(firstLine)).toEqual(['docs/page.md:5: it has not ended within 2 s (see not-run.ts)']);
  });

  it('where the API answers with an error, though curl is content', { timeout }, async ({ skip }) => {
    const ask = (query: string) =>
      `curl -s http://127.0.0.1:4000/graphql -H 'content-type: application/json' -H "authorization: Bearer $(npm run --silent token)" -d '{"query":"${query}"}'`;
    const blocks = page(
      'sh',
      ask('{ viewer { actor { id } } }'),
      ask('mutation { deleteFlag(input: { flagKey: \\"none\\" }) { ... on Error { message } } }'),
    );
    const missing = missingTools(blocks);
    skip(missing.length > 0, `it needs ${missing.join(' and ')}, which this machine does not have`);
    const { problems } = await runShell('docs/page.md', blocks);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(/^docs\/page.md:5: .*curl: the answer is \{"message":.*none/s);
  });
});

it('lists what it did not run, and why', { timeout }, async () => {
  const { problems, notRun } = await runShell(
    'docs/page.md',
    page('sh', 'npm ci && npm start -- --help', 'ROLES=api npm start &'),
  );
  expect(problems).toEqual([]);
  expect(notRun.map((line) => line.split(':')[0]).sort()).toEqual(['npm ci', 'npm start', 'npm start -- --help']);
});
