import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { toProgram } from './npm-script.ts';

// The commands of the documentation that its test does not run, and how it checks them instead. Everything else is run.

const root = path.resolve(import.meta.dirname, '../..');

/** What is wrong with a command; null where nothing is. */
type Check = (words: readonly string[]) => Promise<string | null> | string | null;
type NotRun = { command: RegExp; because: string; instead: readonly Check[] };

const scriptExists: Check = ([, first = '', second = '']) => {
  const name = first === 'run' ? second : first;
  const { scripts } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  return name in scripts ? null : `package.json has no script ${name}`;
};

/** Asks the command for its help, where it is given options. */
const optionsAreKnown: Check = async (words) => {
  const options = words.filter((word) => /^--?[a-z]/.test(word) && word !== '--silent').map((word) => word.split('=')[0] ?? word);
  if (options.length === 0) return null;
  const separator = words.includes('--') ? words.indexOf('--') : words.findIndex((word) => word.startsWith('-'));
  const command = [...words.slice(0, separator), ...(words[0] === 'npm' ? ['--'] : []), '--help'];
  const [program, ...args] = toProgram(command);
  const help = await new Promise<string>((resolve, reject) => {
    execFile(program, args, { cwd: root }, (error, stdout) => (error ? reject(error) : resolve(stdout)));
  });
  const unknown = options.filter((option) => !new RegExp(`(^|[\\s,])${option}(?![\\w-])`, 'm').test(help));
  return unknown.length === 0 ? null : `${command.slice(0, -1).join(' ')} has no option ${unknown.join(', ')}`;
};

/** Whatever looks like a path must be there. */
const filesExist: Check = (words) => {
  const files = words.filter((word) => /^[\w.-]+(\/[\w.-]+)+$/.test(word) || /\.(ya?ml|ts)$/.test(word));
  const missing = files.filter((file) => !existsSync(path.join(root, file)));
  return missing.length === 0 ? null : `there is no ${missing.join(', ')}`;
};

export const notRun: readonly NotRun[] = [
  { command: /^npm (ci|i|install|prune)\b/, because: 'it changes what is installed', instead: [] },
  {
    command: /^npm (start|run (--silent )?(worker|demo(?!:)|chaos|example:\w+))\b/,
    because: 'it runs until somebody stops it, or for a minute; tests of its own run it',
    instead: [scriptExists, optionsAreKnown],
  },
  {
    command: /^npm run (--silent )?(bench|screenshot)\b/,
    because: 'it takes minutes, or writes a picture into the project',
    instead: [scriptExists, optionsAreKnown],
  },
  {
    command: /^(flagtrail|node src\/main\.ts) (serve|worker)\b/,
    because: 'it runs until somebody stops it; tests of its own start it',
    instead: [optionsAreKnown],
  },
  {
    command: /^flagtrail log (rotate-key|new-epoch)\b/,
    because: 'it is for a log that a service has signed, or signs no more; test/transparency runs it',
    instead: [optionsAreKnown],
  },
  {
    command: /^npm (test|run (--silent )?(typecheck|lint|build|codegen|codegen:check|schema:check|prepare|knip))\b/,
    because: 'it is this very test, or CI runs it beside the tests, or it writes into the project',
    instead: [scriptExists, filesExist],
  },
  {
    command: /^(npx (vitest|biome|prisma|knip)|\.ci\/run)\b/,
    because: 'it is this very test, or CI runs it beside the tests, or it writes into the project',
    instead: [filesExist],
  },
  {
    command: /^(flagtrail|npm run (--silent )?)\s*(verify|export events --bundle|log key)\b/,
    because: 'it needs a log that somebody signed; tests of its own run it',
    instead: [optionsAreKnown],
  },
  {
    command: /^cat log\.vkey$/,
    because: 'a command before it, which is not run, writes it',
    instead: [],
  },
  { command: /^docker (compose|build|run)\b/, because: 'it needs a Docker engine', instead: [filesExist] },
  { command: /^git clone\b/, because: 'it needs a network', instead: [] },
  {
    command: /^curl .*127\.0\.0\.1:3000\//,
    because: 'it asks the example with Express, which is not started here; a test of its own asks it',
    instead: [],
  },
  { command: /^aws logs\b/, because: 'it needs an account of AWS', instead: [] },
];

/** The programs that a stand-in takes the place of: those of the table, and those whose answers it looks at. */
export const standIns = ['npm', 'npx', 'node', 'flagtrail', 'docker', 'git', 'aws', 'curl'];
