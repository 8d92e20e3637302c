import { describe, expect, it } from 'vitest';
import { checkGraphql } from './check-graphql.ts';
import { checkTypescript } from './check-typescript.ts';
import { blocksOf, commandsOf, readPages } from './pages.ts';
import { missingTools, runShell } from './run-shell.ts';

// CONTRIBUTING.md says what these tests ask of a page ("Code blocks in the documentation are run").

/** A page's commands start a service, and each command is a process. */
const timeout = 150_000;

const pages = readPages();
const blocks = [...pages].flatMap(([page, markdown]) => blocksOf(page, markdown));
const inLanguage = (language: string) => blocks.filter((block) => block.language === language);
const pagesWithCommands = [...new Set(commandsOf(blocks).map(({ page }) => page))];

/** Those that are run or checked, and those that are not. */
const languages = ['sh', 'graphql', 'ts', 'console', 'text', 'json', 'yaml'];

describe('the code blocks of the documentation', () => {
  it(`each name one of the languages ${languages.join(', ')}, so that none is left out by mistake`, () => {
    const others = blocks.filter(({ language }) => !languages.includes(language));
    expect(others.map(({ page, line, language }) => `${page}:${line}: ${language || 'no language'}`)).toEqual([]);
    const fences = [...pages.values()].join('\n').match(/^ *(?:```|~~~)/gm) ?? [];
    expect(blocks.length * 2).toBe(fences.length);
  });

  it('ask only for what the GraphQL schema has', () => {
    expect(checkGraphql(inLanguage('graphql'))).toEqual([]);
  });

  it('have no type errors', { timeout }, async () => {
    expect(await checkTypescript(inLanguage('ts'))).toEqual([]);
  });

  it.for(pagesWithCommands)('run, line by line: %s', { timeout }, async (page, { skip }) => {
    const commands = commandsOf(blocks).filter((block) => block.page === page);
    const missing = missingTools(commands);
    skip(missing.length > 0, `the commands of ${page} need ${missing.join(' and ')}, which this machine does not have`);
    expect((await runShell(page, commands)).problems).toEqual([]);
  });
});
