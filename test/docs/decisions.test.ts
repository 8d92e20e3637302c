import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from '../support/serve-process.ts';

const folder = path.join(root, 'docs/decisions');
const read = (file: string) => readFileSync(path.join(folder, file), 'utf8');
const records = globSync('[0-9]*.md', { cwd: folder }).sort();
const dateOf = (file: string) => /^Date: (\d{4}-\d\d-\d\d)$/m.exec(read(file))?.[1];

describe('the decision records', () => {
  it('each have a date, and say the context, the decision, what was measured and what was rejected', () => {
    const parts = (file: string) => Array.from(read(file).matchAll(/^## (.*)\n\n\S/gm), ([, heading]) => heading);
    for (const file of records) {
      expect(dateOf(file), file).toMatch(/^20/);
      expect(parts(file), file).toEqual(['Context', 'Decision', 'Measured', 'Rejected']);
    }
    expect(records.length).toBeGreaterThan(20);
  });

  it('are numbered without a gap, in the order of their dates', () => {
    expect(records.map((file) => Number(file.slice(0, 4)))).toEqual(records.map((_, index) => index + 1));
    const dates = records.map(dateOf);
    expect(dates).toEqual(dates.toSorted());
  });

  it('are all listed in the index, by the titles that they have', () => {
    const index = read('README.md');
    const listed = Array.from(index.matchAll(/\[([^\]]+)\]\(([\w-]+\.md)\)/g), ([, title, file]) => ({ title, file }));
    expect(listed.map(({ file }) => file).sort()).toEqual([...records, 'dependencies.md'].sort());
    const titles = listed.map(({ file = '' }) => /^# (.*)$/m.exec(read(file))?.[1]);
    expect(listed.map(({ title }) => title)).toEqual(titles);
  });

  it('give a reason for each package that package.json names, and for no other', () => {
    const { dependencies, devDependencies } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
    const reasons = Array.from(read('dependencies.md').matchAll(/^\| `(\S+)` \| \S.* \|$/gm), ([, name]) => name);
    expect(reasons).toEqual([...Object.keys(dependencies).sort(), ...Object.keys(devDependencies).sort()]);
  });
});
