import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { startProcess } from '../../test/support/child-process.ts';
import { acquireDataDirectory, DataDirectoryInUseError } from './data-directory-lock.ts';

const makeFolder = (): string => {
  const folder = mkdtempSync(path.join(tmpdir(), 'flagtrail-lock-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
};
const acquireElsewhere = (folder: string) =>
  startProcess(new URL('../../test/support/data-directory-process.ts', import.meta.url), [folder]);
const acquireHere = (folder: string) => {
  const held = acquireDataDirectory(folder);
  onTestFinished(() => held.release());
  return held;
};

it('makes DATA_DIR where it is missing', () => {
  const folder = path.join(makeFolder(), 'new', 'data');
  acquireHere(folder);
  expect(() => acquireDataDirectory(folder)).toThrow(DataDirectoryInUseError);
});

it('refuses a second process, and says which folder and what to do', async () => {
  const folder = makeFolder();
  const other = acquireElsewhere(folder);
  expect(await other.nextMessage()).toBe('acquired');
  expect(() => acquireDataDirectory(folder)).toThrow(
    expect.objectContaining({ folder, message: expect.stringMatching(/DATA_DIR '.*' is in use.*stop that one.*DATABASE_URL/) }),
  );
});

it('refuses a second time within one process, and still holds the folder against others afterwards', async () => {
  const folder = makeFolder();
  acquireHere(folder);
  for (let attempt = 1; attempt <= 3; attempt++) expect(() => acquireDataDirectory(folder)).toThrow(DataDirectoryInUseError);
  expect(await acquireElsewhere(folder).nextMessage()).toBe('DataDirectoryInUseError');
});

it('refuses a DATA_DIR that is in use also under another name of the same folder', () => {
  const folder = makeFolder();
  symlinkSync(folder, `${folder}-link`);
  onTestFinished(() => rmSync(`${folder}-link`));
  acquireHere(folder);
  expect(() => acquireDataDirectory(`${folder}-link`)).toThrow(DataDirectoryInUseError);
});

it('is free again as soon as its holder was killed with SIGKILL', async () => {
  const folder = makeFolder();
  for (let restart = 1; restart <= 3; restart++) {
    const holder = acquireElsewhere(folder);
    expect(await holder.nextMessage()).toBe('acquired');
    await holder.kill();
  }
  acquireHere(folder);
});

it('is free again once released, here and for others', async () => {
  const folder = makeFolder();
  acquireHere(folder).release();
  const other = acquireElsewhere(folder);
  expect(await other.nextMessage()).toBe('acquired');
  other.send('release');
  expect(await other.nextMessage()).toBe('released');
  acquireHere(folder);
});

it('holds two different folders at once', () => {
  acquireHere(makeFolder());
  acquireHere(makeFolder());
});

it("tells the system's reason where the folder cannot be made", () => {
  const file = path.join(makeFolder(), 'file');
  writeFileSync(file, '');
  expect(() => acquireDataDirectory(path.join(file, 'data'))).toThrow(/ENOTDIR/);
});
