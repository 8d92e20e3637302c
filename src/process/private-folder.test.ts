import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { makePrivateFolder } from './private-folder.ts';

const aFolder = (): string => {
  const folder = mkdtempSync(path.join(tmpdir(), 'flagtrail-private-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
};
const modeOf = (file: string) => (statSync(file).mode & 0o7777).toString(8);
const write = (file: string, mode: number) => {
  writeFileSync(file, '');
  chmodSync(file, mode);
};

describe.skipIf(process.platform === 'win32')('makePrivateFolder', () => {
  it('makes a folder that is not there for its owner alone', () => {
    const folder = path.join(aFolder(), 'some', 'data');
    expect(makePrivateFolder(folder)).toEqual({ exposed: 0, stillExposed: 0 });
    expect(modeOf(folder)).toBe('700');
  });

  it('takes what Flagtrail keeps in a folder from others, keeps what its owner may do, and counts it', () => {
    const folder = aFolder();
    chmodSync(folder, 0o755);
    mkdirSync(path.join(folder, 'pglite', 'base'), { recursive: true });
    write(path.join(folder, 'pglite', 'base', '1'), 0o666);
    write(path.join(folder, 'pglite', 'base', '2'), 0o600);
    write(path.join(folder, 'spool.sqlite'), 0o644);
    expect(makePrivateFolder(folder)).toEqual({ exposed: 5, stillExposed: 0 });
    expect(modeOf(folder)).toBe('700');
    expect(modeOf(path.join(folder, 'pglite', 'base'))).toBe('700');
    expect(modeOf(path.join(folder, 'pglite', 'base', '1'))).toBe('600');
    expect(modeOf(path.join(folder, 'spool.sqlite'))).toBe('600');
    expect(makePrivateFolder(folder)).toEqual({ exposed: 0, stillExposed: 0 });
  });

  it('leaves alone what others keep in the same folder, and what links lead to', () => {
    const [folder, elsewhere] = [aFolder(), aFolder()];
    write(path.join(folder, 'index.html'), 0o644);
    write(path.join(elsewhere, 'database'), 0o644);
    symlinkSync(path.join(elsewhere, 'database'), path.join(folder, 'spool.sqlite'));
    expect(makePrivateFolder(folder)).toEqual({ exposed: 0, stillExposed: 0 });
    expect(modeOf(path.join(folder, 'index.html'))).toBe('644');
    expect(modeOf(path.join(elsewhere, 'database'))).toBe('644');
  });

  it('leaves a folder that everybody shares as it is, but not its own files there', () => {
    const folder = aFolder();
    chmodSync(folder, 0o1777);
    write(path.join(folder, 'flagtrail.lock'), 0o644);
    expect(makePrivateFolder(folder)).toEqual({ exposed: 1, stillExposed: 0 });
    expect(modeOf(folder)).toBe('1777');
    expect(modeOf(path.join(folder, 'flagtrail.lock'))).toBe('600');
  });
});
