import { describe, expect, it } from 'vitest';
import { type Import, importsOf, readSources } from './support/imports.ts';

/** What a part may import: parts of src by their folder or file, and packages by their name; `packages: 'any'` for all of them. */
type Rule = { parts: readonly string[]; packages: readonly string[] | 'any' };

// They say what an adapter is to be opened with, so they know what it takes; nobody but the composition root knows them.
const settings: Rule = {
  parts: ['config.ts', 'settings.ts', 'setting-values.ts', 'loopback.ts', 'adapters', 'ports', 'domain'],
  packages: 'any',
};

// Edges know use cases, use cases know the domain and ports, adapters know ports; only the composition root knows everybody.
const rules: Record<string, Rule> = {
  // What a targeting rule means is flagd's to say: its evaluator is a rule of the domain, as pure as the rest.
  domain: { parts: ['domain'], packages: ['zod', 'canonicalize', 'uuid', '@openfeature/flagd-core'] },
  // A stream is a type of Node's: what a port hands on is one.
  ports: { parts: ['ports', 'domain'], packages: ['node:stream'] },
  application: { parts: ['application', 'ports', 'domain'], packages: [] },
  audit: { parts: ['audit', 'ports', 'domain', 'within.ts'], packages: 'any' },
  adapters: { parts: ['adapters', 'ports', 'domain', 'generated', 'within.ts'], packages: 'any' },
  // Applications import it: nothing of the service comes with it.
  client: { parts: ['client'], packages: ['uuid', 'zod'] },
  // Frontends import it: what the domain says of its data, and nothing else.
  schemas: { parts: ['schemas', 'domain'], packages: ['zod'] },
  graphql: { parts: ['graphql', 'http', 'application', 'audit', 'ports', 'domain', 'generated'], packages: 'any' },
  worker: { parts: ['worker', 'application', 'ports', 'domain'], packages: 'any' },
  service: { parts: ['service', 'audit', 'ports', 'domain', 'within.ts'], packages: 'any' },
  http: { parts: ['http', 'graphql', 'application', 'audit', 'ports', 'domain', 'loopback.ts'], packages: 'any' },
  'config.ts': settings,
  'settings.ts': settings,
  'setting-values.ts': settings,
  'loopback.ts': { parts: [], packages: 'any' },
  'within.ts': { parts: [], packages: [] },
  'surroundings.ts': { parts: ['ports'], packages: 'any' },
};
// The composition root, in one file or several, and the commands.
const knowsEverybody = (part: string): boolean =>
  /^(main|compose(-[a-z]+)*)\.ts$/.test(part) || part === 'cli' || part === 'compose';

const sources = readSources('src');
const partOf = (file: string): string => file.split('/')[1] ?? '';

const violationsOf = ({ file, target, isPackage }: Import): string[] => {
  const rule = rules[partOf(file)];
  if (!rule) return [];
  const allowed = isPackage
    ? rule.packages === 'any' || rule.packages.includes(target)
    : target.startsWith('src/') && rule.parts.includes(partOf(target));
  return allowed ? [] : [`${file} → ${target}`];
};

describe('imports', () => {
  it('go one way: edges → application → domain and ports ← adapters', () => {
    const violations = [...sources].flatMap(([file, code]) => importsOf(file, code).flatMap(violationsOf));
    expect(violations).toEqual([]);
  });

  it('are ruled for every part of src', () => {
    const parts = new Set([...sources.keys()].map(partOf));
    const unruled = [...parts].filter((part) => !(part in rules) && !knowsEverybody(part));
    expect(unruled).toEqual([]);
  });

  it('are found in every form that they can take', () => {
    const code = `
      import a from 'a';
      import type { B } from '@scope/b/deep.js';
      import {
        c,
      } from '../ports/c.ts';
      export * from './d.ts';
      import 'e';
      const f = await import('node:f');
      export const g = 1; // from 'not-this'
    `;
    expect(importsOf('src/domain/x.ts', code).map(({ target }) => target)).toEqual([
      'a',
      '@scope/b',
      'src/ports/c.ts',
      'src/domain/d.ts',
      'e',
      'node:f',
    ]);
  });
});

it('the environment is read in src/main.ts only', () => {
  const readers = [...sources].filter(([, code]) =>
    /\bprocess\s*(\.\s*env\b|\[\s*['"]env)|\{[^}]*\benv\b[^}]*\}\s*=\s*process\b/.test(code),
  );
  expect(readers.map(([file]) => file).filter((file) => file !== 'src/main.ts')).toEqual([]);
});

it('nothing but types is imported in a circle', () => {
  const graph = new Map(
    [...sources].map(([file, code]) => [
      file,
      importsOf(file, code).flatMap(({ target, isPackage, isTypeOnly }) => (isPackage || isTypeOnly ? [] : [target])),
    ]),
  );
  const circles: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, trail: readonly string[]): void => {
    const at = trail.indexOf(file);
    if (at >= 0) circles.push([...trail.slice(at), file].join(' → '));
    if (at >= 0 || done.has(file)) return;
    for (const target of graph.get(file) ?? []) visit(target, [...trail, file]);
    done.add(file);
  };
  for (const file of graph.keys()) visit(file, []);
  expect(circles).toEqual([]);
});
