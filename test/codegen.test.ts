import { execFile } from 'node:child_process';
import { appendFileSync, cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { temporaryFolder } from './support/service.ts';

const root = path.resolve(import.meta.dirname, '..');
const generated = ['schema.graphql'];
const pages = ['docs/configuration.md', 'docs/events.md'];

/** Runs codegen.ts in a folder that has the files that it makes. */
const codegen = (folder: string, ...args: string[]): Promise<{ exitCode: number | string; stdout: string; stderr: string }> =>
  new Promise((resolve) => {
    const command = ['--disable-warning=ExperimentalWarning', path.join(root, 'codegen.ts'), ...args];
    execFile(process.execPath, command, { cwd: folder }, (error, stdout, stderr) =>
      resolve({ exitCode: error?.code ?? 0, stdout, stderr }),
    );
  });

describe('codegen --check', () => {
  let folder = '';
  const edit = (file: string, from: string, to: string) => {
    const text = readFileSync(path.join(folder, file), 'utf8');
    expect(text).toContain(from);
    writeFileSync(path.join(folder, file), text.replace(from, to));
  };
  beforeEach(() => {
    folder = temporaryFolder();
    for (const file of [...generated, ...pages]) {
      cpSync(path.join(root, file), path.join(folder, file), { recursive: true });
    }
  });

  it('is content with the files that are checked in', async () => {
    expect(await codegen(folder, '--check')).toEqual({ exitCode: 0, stdout: '', stderr: '' });
  });

  it('exits with 1 and names each file that was edited, until it is written anew', async () => {
    for (const file of generated) appendFileSync(path.join(folder, file), '# edited\n');
    edit('docs/configuration.md', '| `PORT` |', '| `DOOR` |');
    edit('docs/events.md', '| `flag.created` |', '| `flag.made` |');
    const edited = [...generated, ...pages];
    const { exitCode, stderr } = await codegen(folder, '--check');
    expect(exitCode).toBe(1);
    expect(stderr).toBe(edited.map((file) => `${file} is stale: run \`npm run codegen\` and commit it\n`).join(''));
    expect(await codegen(folder)).toEqual({ exitCode: 0, stdout: edited.map((file) => `wrote ${file}\n`).join(''), stderr: '' });
    expect((await codegen(folder, '--check')).exitCode).toBe(0);
  });

  it('names a file that is missing', async () => {
    rmSync(path.join(folder, 'schema.graphql'));
    const { exitCode, stderr } = await codegen(folder, '--check');
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^schema\.graphql is stale[^\n]*\n$/);
  });
});
