import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from '../support/serve-process.ts';
import { type Problem, readPages } from './pages.ts';

const pages = readPages();
const architecture = pages.get('docs/architecture.md') ?? '';

it('every file and folder of the project that the documentation names is there', () => {
  // A name may stand for many, as in `src/compose/*.ts` or `prisma/migrations/<name>`: then its folder must be there.
  const named = /`((?:src|test|docs|prisma|scripts|bench|chaos|demo|examples|\.github)\/[^`\s]*)`/g;
  // The page of the demo's data names files of the project that they come from.
  const ours = [...pages].filter(([page]) => page !== 'demo/data/README.md');
  const problems = ours.flatMap(([page, markdown]) =>
    markdown.split('\n').flatMap((line, index) =>
      Array.from(line.matchAll(named), ([, file = '']) => file.replace(/[^/]*[<*…{].*$/, ''))
        .filter((file) => !existsSync(path.join(root, file)))
        .map((file): Problem => `${page}:${index + 1}: there is no ${file}`),
    ),
  );
  expect(problems).toEqual([]);
});

describe('docs/architecture.md', () => {
  it('says of each folder of src what it is', () => {
    const folders = readdirSync(path.join(root, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const described = Array.from(architecture.matchAll(/^\| (`src\/[^|]*) \| \S/gm), ([, names = '']) => names).join();
    const missing = folders.map(({ name }) => name).filter((name) => !described.includes(`\`src/${name}\``));
    expect(missing.filter((name) => name !== 'generated')).toEqual([]);
  });

  it('says of each room of a wing what is in it', () => {
    const table = architecture.slice(architecture.indexOf('## Rooms'), architecture.indexOf('## Three walks'));
    const wings = Array.from(architecture.matchAll(/^\| `src\/([\w-]+)` \| /gm), ([, wing = '']) => wing);
    const rooms = globSync(`src/{${wings.slice(wings.indexOf('access'), wings.indexOf('service') + 1).join()}}/*/`, {
      cwd: root,
    });
    expect(rooms.length).toBeGreaterThan(30);
    const isDescribed = (room: string) =>
      [room, path.basename(room)].some((name) => table.includes(`| \`${name.replace(/^src\//, '')}\` | `));
    expect(rooms.map((room) => room.replaceAll(path.sep, '/').replace(/\/$/, '')).filter((room) => !isDescribed(room))).toEqual(
      [],
    );
  });

  it('explains words that the code uses', () => {
    const glossary = architecture.slice(architecture.indexOf('## Glossary'), architecture.indexOf('## Recipes'));
    const words = Array.from(glossary.matchAll(/^\| ([a-z][a-z -]+) \| \S/gm), ([, word = '']) => word).filter(
      (word) => word !== 'word',
    );
    expect(words.length).toBeGreaterThan(60);
    const code = globSync(['src/**/*.ts', 'prisma/migrations/*/*.sql'], { cwd: root, exclude: ['src/generated/**'] })
      .map((file) => readFileSync(path.join(root, file), 'utf8'))
      .join('\n');
    const isUsed = (word: string) => new RegExp(word.replaceAll(/[ -]/g, '[ _-]?'), 'i').test(code);
    expect(words.filter((word) => !isUsed(word))).toEqual([]);
  });
});
