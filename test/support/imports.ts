import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';

/**
 * One import statement: the file that contains it, and its target, which is a file of the project or a package. Paths are from
 * the root.
 */
export type Import = { file: string; target: string; isPackage: boolean; isTypeOnly: boolean };

const root = path.resolve(import.meta.dirname, '../..');

/** The code of a folder, without tests and generated files, by its path from the root. */
export const readSources = (folder: string): Map<string, string> =>
  new Map(
    globSync(`${folder}/**/*.ts`, { cwd: root })
      .map((file) => file.replaceAll(path.sep, '/'))
      .filter((file) => !file.endsWith('.test.ts') && !file.startsWith('src/generated/'))
      .sort()
      .map((file) => [file, withoutComments(readFileSync(path.join(root, file), 'utf8'))]),
  );

/** Every import and re-export of a file, of types and of values, static and dynamic. */
export const importsOf = (file: string, code: string): Import[] =>
  [...code.matchAll(STATEMENT)].map((match) => {
    const name = match[1] ?? match[2] ?? '';
    const isPackage = !name.startsWith('.');
    return {
      file,
      target: isPackage ? packageOf(name) : path.posix.join(path.posix.dirname(file), name),
      isPackage,
      isTypeOnly: /^\s*(?:import|export)\s+type\b/.test(match[0]),
    };
  });

// `… from 'x'` of an import or export statement, which can span lines; or `import 'x'`, `import('x')` and `declare module 'x'`.
const STATEMENT =
  /^\s*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]|\b(?:import|declare\s+module)\s*\(?\s*['"`]([^'"`]+)['"`]/gm;

const packageOf = (name: string): string => name.split('/', name.startsWith('@') ? 2 : 1).join('/');

/** Good enough for code that Biome has formatted: block comments, and line comments that begin a line or follow a space. */
const withoutComments = (code: string): string => code.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1');
