import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

// What `npm ci --omit=dev` installs, as package-lock.json has it: what is not for development alone. npm also installs what is
// both for development and somebody's optional peer (`devOptional`).

const root = path.resolve(import.meta.dirname, '..');
const readJson = (file: string) => JSON.parse(readFileSync(path.join(root, file), 'utf8'));

type Locked = { name?: string; version: string; license?: string; dev?: true };
const locked: [folder: string, Locked][] = Object.entries(readJson('package-lock.json').packages);
const production = locked
  .filter(([folder, { dev }]) => folder !== '' && !dev)
  .map(([folder, { name = folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length), ...rest }]) => ({
    name,
    ...rest,
  }));

/** As many as there are, and a few that an update may bring. More of them are more to trust: say in the commit what they are for. */
const ceiling = 140;
/** They ask for nothing but their notice, which each package brings along itself. */
const permissive = new Set(['MIT', 'ISC', '0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'BlueOak-1.0.0', 'CC0-1.0']);

describe('the packages of a production install', () => {
  it(`are at most ${ceiling}`, () => {
    expect(production.length).toBeLessThanOrEqual(ceiling);
    expect(production.length).toBeGreaterThan(50);
  });

  it('hold nothing that only building needs', () => {
    const building = ['prisma', '@prisma/engines', 'typescript', 'vitest', 'node', 'react', 'mysql2', 'elkjs'];
    expect(production.filter(({ name }) => building.includes(name))).toEqual([]);
  });

  it('have permissive licences', () => {
    expect(production.filter(({ license = '' }) => !permissive.has(license))).toEqual([]);
  });

  it('hold everything that the service imports, and nothing that it does not', () => {
    const files = globSync('src/**/*.ts', { cwd: root, exclude: ['src/**/*.test.ts'] });
    const code = files
      .map((file) => readFileSync(path.join(root, file), 'utf8').replaceAll(/^import type [^;]*;/gm, ''))
      .join('\n');
    const imports = /(?:^(?:import|export|\}).* from |import\()(["'])((?:@[\w.-]+\/)?[a-z][\w.-]*)(?:\/[^:]*?)?\1/gm;
    const imported = Array.from(code.matchAll(imports), ([, , name]) => name);
    const { dependencies } = readJson('package.json');
    // flagd-core imports it, and leaves it to us to install.
    const peers = ['@openfeature/core'];
    expect([...new Set([...imported, ...peers])].sort()).toEqual(Object.keys(dependencies).sort());
  });

  it('are locked without the address of a registry: everybody installs them from their own', () => {
    expect(readFileSync(path.join(root, 'package-lock.json'), 'utf8')).not.toContain('"resolved"');
  });
});
