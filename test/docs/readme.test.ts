import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');
const readme = readFileSync(path.join(root, 'README.md'), 'utf8');

describe('README', () => {
  it('has at most 150 lines of at most 120 characters', () => {
    const lines = readme.trimEnd().split('\n');
    expect(lines.length).toBeLessThanOrEqual(150);
    expect(lines.filter((line) => line.length > 120)).toEqual([]);
  });

  it('leads to every page of docs/', () => {
    const pages = globSync('docs/*.md', { cwd: root });
    expect(pages.length).toBeGreaterThan(5);
    expect(pages.filter((page) => !readme.includes(`](${page})`))).toEqual([]);
  });

  it('shows GraphiQL by a picture that the browser test has taken', () => {
    const [, picture = ''] = /!\[[^\]]{20,}\]\(([^)]+)\)/.exec(readme) ?? [];
    const signature = readFileSync(path.join(root, picture)).subarray(1, 4).toString();
    expect({ picture, signature }).toEqual({ picture: 'docs/graphiql.png', signature: 'PNG' });
  });
});
