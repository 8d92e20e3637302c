import { execFile } from 'node:child_process';
import { appendFileSync, cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { temporaryFolder } from './support/service.ts';

const root = path.resolve(import.meta.dirname, '..');
const generated = ['schema.graphql', 'src/generated/graphql.ts'];

/** Runs codegen.ts in a folder that has the operations and the files made from them. */
const codegen = (folder: string, ...args: string[]): Promise<{ exitCode: number | string; stdout: string; stderr: string }> =>
  new Promise((resolve) => {
    const command = ['--disable-warning=ExperimentalWarning', path.join(root, 'codegen.ts'), ...args];
    execFile(process.execPath, command, { cwd: folder }, (error, stdout, stderr) =>
      resolve({ exitCode: error?.code ?? 0, stdout, stderr }),
    );
  });

describe('codegen --check', () => {
  let folder = '';
  beforeEach(() => {
    folder = temporaryFolder();
    for (const file of [...generated, 'README.md', 'src/client/operations']) {
      cpSync(path.join(root, file), path.join(folder, file), { recursive: true });
    }
  });

  it('is content with the files that are checked in', async () => {
    expect(await codegen(folder, '--check')).toEqual({ exitCode: 0, stdout: '', stderr: '' });
  });

  it.each(generated)('exits with 1 and names %s when it was edited, until it is written anew', async (file) => {
    appendFileSync(path.join(folder, file), '# edited\n');
    const { exitCode, stderr } = await codegen(folder, '--check');
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: `${file} is stale: run \`npm run codegen\` and commit it\n` });
    expect(await codegen(folder)).toEqual({ exitCode: 0, stdout: `wrote ${file}\n`, stderr: '' });
    expect((await codegen(folder, '--check')).exitCode).toBe(0);
  });

  it('names the README when a row of its tables was edited', async () => {
    const readme = path.join(folder, 'README.md');
    writeFileSync(readme, readFileSync(readme, 'utf8').replace('| `PORT` |', '| `DOOR` |'));
    const { exitCode, stderr } = await codegen(folder, '--check');
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^README\.md is stale[^\n]*\n$/);
  });

  it('names a file that is missing', async () => {
    rmSync(path.join(folder, 'schema.graphql'));
    const { exitCode, stderr } = await codegen(folder, '--check');
    expect(exitCode).toBe(1);
    expect(stderr).toContain('schema.graphql is stale');
  });

  it('names the documents when an operation changed', async () => {
    appendFileSync(path.join(folder, 'src/client/operations/viewer.graphql'), 'query Keys { environments { key } }\n');
    const { exitCode, stderr } = await codegen(folder, '--check');
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^src\/generated\/graphql\.ts is stale[^\n]*\n$/);
  });

  it('refuses an operation that the schema does not know, and writes nothing', async () => {
    appendFileSync(path.join(folder, 'src/client/operations/viewer.graphql'), 'query Wrong { viewer { shoeSize } }\n');
    const { exitCode, stderr } = await codegen(folder);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('shoeSize');
  });
});
