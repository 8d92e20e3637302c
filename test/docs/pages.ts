import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { root } from '../support/serve-process.ts';

/** A fenced block of a page. */
export type Block = {
  page: string;
  /** The line of its first line, counted from 1. */
  line: number;
  language: string;
  text: string;
  /** Code for the type check that the page does not show: an HTML comment `<!-- ts: … -->` right before the block. */
  hidden: string;
};

/** What is wrong with a block, with the place. */
export type Problem = `${string}:${number}: ${string}`;

/** Every page of the project that people read. The changelog tells of old releases, whose commands need not work any more. */
export const readPages = (): Map<string, string> =>
  new Map(
    globSync(['*.md', '{docs,demo,bench,chaos,examples,.github}/**/*.md'], { cwd: root })
      .filter((page) => page !== 'CHANGELOG.md')
      .sort()
      .map((page) => [page, readFileSync(path.join(root, page), 'utf8')]),
  );

export const blocksOf = (page: string, markdown: string): Block[] =>
  Array.from(markdown.matchAll(/(?:^<!-- ts:\s((?:(?!-->).)*)-->\s*)?^```([^\n]*)\n(.*?)^```$/gms), (found) => {
    const [whole, hidden = '', language = '', text = ''] = found;
    const before = markdown.slice(0, found.index + whole.length - text.length - '```'.length);
    return { page, line: before.split('\n').length, language: language.trim(), text, hidden };
  });

/** The blocks with commands: of a session (`console`) the lines after a `$`, with those that continue them. */
export const commandsOf = (blocks: readonly Block[]): Block[] =>
  blocks.flatMap((block) => {
    if (block.language === 'sh') return [block];
    return block.language === 'console' ? [{ ...block, text: typedIn(block.text) }] : [];
  });

const typedIn = (session: string): string => {
  let continues = false;
  const lines = session.split('\n').map((line) => {
    const isTyped = continues || line.startsWith('$ ');
    continues = isTyped && line.endsWith('\\');
    return isTyped ? line.replace(/^\$ /, '') : '';
  });
  return lines.join('\n');
};
