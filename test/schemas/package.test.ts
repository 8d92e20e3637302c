import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { importsOf, readSources } from '../support/imports.ts';

const entry = 'src/schemas/main.ts';

const sources = readSources('src');

/** What a module needs, itself and through others, types left out: files of the project, and packages. */
const reachedFrom = (start: string) => {
  const [files, packages] = [new Set([start]), new Set<string>()];
  for (const file of files) {
    const code = sources.get(file);
    if (code === undefined) throw new Error(`${file} is imported and not there`);
    for (const { target, isPackage, isTypeOnly } of importsOf(file, code)) {
      if (!isTypeOnly) (isPackage ? packages : files).add(target);
    }
  }
  return { files: [...files], packages: [...packages].sort() };
};

describe('flagtrail/schemas', () => {
  it('runs in a browser: it needs schemas and rules of the models, packages that run there, and nothing of Node', () => {
    const { files, packages } = reachedFrom(entry);
    expect(packages).toEqual(['@openfeature/flagd-core', 'canonicalize', 'zod']);
    expect(files.filter((file) => !/^src\/(schemas|catalogue|kernel|[a-z-]+\/model)\//.test(file))).toEqual([]);
    const globalsOfNode = /\b(process|Buffer|require|__dirname|setImmediate)\s*[.(]/;
    expect(files.filter((file) => globalsOfNode.test(sources.get(file) ?? ''))).toEqual([]);
  });

  it('is in the exports of the package, as source and as built', () => {
    const { exports } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    expect(exports['./schemas']).toEqual({
      'flagtrail-source': `./${entry}`,
      types: './dist/schemas/main.d.ts',
      default: './dist/schemas/main.js',
    });
  });
});
