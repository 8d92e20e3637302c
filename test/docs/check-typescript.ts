import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { root } from '../support/serve-process.ts';
import { temporaryFolder } from '../support/service.ts';
import type { Block, Problem } from './pages.ts';

/** Checks the types of all blocks in one run of the project's tsc, each as a module of an application that has the package installed. */
export const checkTypescript = async (blocks: readonly Block[]): Promise<Problem[]> => {
  const folder = temporaryFolder();
  const files = new Map(blocks.map((block, index) => [`block-${index + 1}.ts`, block]));
  for (const [file, { hidden, text }] of files) writeFileSync(path.join(folder, file), `${hidden}${separator}${text}`);
  installPackages(folder);
  writeFileSync(path.join(folder, 'package.json'), '{"type":"module"}');
  const compilerOptions = {
    // A reader's application looks at the package's source here, and a block may make what only the prose after it uses.
    moduleDetection: 'force',
    noUnusedLocals: false,
    noUnusedParameters: false,
    typeRoots: [path.join(root, 'node_modules/@types')],
  };
  const project = { extends: path.join(root, 'tsconfig.json'), compilerOptions, include: ['*.ts'] };
  writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify(project));

  const output = await new Promise<string>((resolve) => {
    const tsc = path.join(root, 'node_modules/.bin/tsc');
    execFile(process.execPath, [tsc, '-p', folder, '--pretty', 'false'], { cwd: folder }, (error, stdout, stderr) =>
      resolve(error ? stdout || stderr || error.message : ''),
    );
  });
  return output === '' ? [] : problemsIn(output, files);
};

/** Between the hidden code and the block's first line. */
const separator = '\n';

const problemsIn = (output: string, files: ReadonlyMap<string, Block>): Problem[] => {
  const found = output
    .split(/\n(?!\s)/)
    .filter(Boolean)
    .map((text): Problem => {
      const [, file = '', line = '', message = text] = /^(block-\d+\.ts)\((\d+),\d+\): (.*)$/s.exec(text.trimEnd()) ?? [];
      const block = files.get(file);
      if (!block) throw new Error(`tsc says of no block: ${text}`);
      const hiddenLines = `${block.hidden}${separator}`.split('\n').length - 1;
      // What is wrong in the hidden code is shown at the block's first line.
      return `${block.page}:${block.line + Math.max(Number(line) - hiddenLines - 1, 0)}: ${message}`;
    });
  if (found.length === 0) throw new Error(`tsc failed without a word: ${output}`);
  return found;
};

/** The package and everything beside it, as links: what `npm install flagtrail` gives, with the source for what was built. */
const installPackages = (folder: string): void => {
  const [from, to] = [path.join(root, 'node_modules'), path.join(folder, 'node_modules')];
  mkdirSync(to);
  for (const name of readdirSync(from)) symlinkSync(path.join(from, name), path.join(to, name));
  symlinkSync(root, path.join(to, 'flagtrail'));
};
