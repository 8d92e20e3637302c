import { readFileSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');

/**
 * The program that a command ends up in, with its arguments. A script of package.json is run without npm, which takes more CPU
 * than most of our commands, and `flagtrail` is the one of this project.
 */
export const toProgram = (words: readonly string[]): [program: string, ...args: string[]] => {
  const [program = '', ...args] = words;
  if (program === 'flagtrail')
    return toProgram(['node', '--disable-warning=ExperimentalWarning', path.join(root, 'src/main.ts'), ...args]);
  if (program === 'node') return [process.execPath, ...args];
  const script = program === 'npm' ? scriptOf(args) : null;
  return script ? toProgram(script) : [program, ...args];
};

/** What npm would run for `start` or `run <script>`; null where it does something else, or where npm has to say what is wrong. */
const scriptOf = (args: readonly string[]): string[] | null => {
  const separator = args.includes('--') ? args.indexOf('--') : args.length;
  const [command, ...names] = args.slice(0, separator).filter((word) => word !== '--silent');
  const [name = '', ...others] = command === 'start' ? [command, ...names] : names;
  const { scripts } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  const script: unknown = scripts[name];
  const isSimple = typeof script === 'string' && script.startsWith('node ') && !/["'$&|;<>*]/.test(script);
  // Without the separator, npm takes options for itself.
  if (!isSimple || !['start', 'run'].includes(command ?? '') || others.some((word) => word.startsWith('-'))) return null;
  return [...script.split(' '), ...others, ...args.slice(separator + 1)];
};
