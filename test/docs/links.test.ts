import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { root } from '../start/serve-process.ts';
import { type Problem, readPages } from './pages.ts';

/** A heading's anchor, as GitHub makes it. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(/\s/g, '-');
const anchorsOf = (file: string) =>
  Array.from(readFileSync(file, 'utf8').matchAll(/^#{1,6} (.*)$/gm), ([, heading = '']) => anchorOf(heading));

it('every link of the documentation within the project leads to a file, and to a heading where it names one', () => {
  const problems = [...readPages()].flatMap(([page, markdown]) =>
    markdown.split('\n').flatMap((line, index) =>
      Array.from(line.matchAll(/\]\((?!https?:|mailto:)([^)\s]*)\)/g), ([, link = '']): Problem[] => {
        const [target = '', anchor] = link.split('#');
        const file = target === '' ? path.join(root, page) : path.join(root, path.dirname(page), target);
        if (!existsSync(file)) return [`${page}:${index + 1}: there is no ${link}`];
        const leads = anchor === undefined || anchorsOf(file).includes(anchor);
        return leads ? [] : [`${page}:${index + 1}: ${target || page} has no heading #${anchor}`];
      }).flat(),
    ),
  );
  expect(problems).toEqual([]);
});
