import { once } from 'node:events';
import { statSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { atTestEnd } from '../../../test/support/at-test-end.ts';
import { startProcess } from '../../../test/support/child-process.ts';
import { readFileTrace, tracingFiles } from '../../../test/support/file-trace.ts';
import { temporaryFolder } from '../../../test/support/service.ts';
import { openSpoolFile } from './spool-file.ts';

it('has what was written on the disk at each commit, and not only with the system: SQLite syncs the file and its journal', () => {
  const file = openSpoolFile({
    folder: temporaryFolder(),
    now: () => new Date(),
    onProblem: () => {},
    restore: () => {},
  });
  atTestEnd(async () => file.close());
  const settings = () =>
    file.transaction(
      (database) => [database.prepare('PRAGMA journal_mode').get(), database.prepare('PRAGMA synchronous').get()],
      { create: true, patienceMs: 1000 },
    );
  const full = 2;
  const durable = [{ journal_mode: 'truncate' }, { synchronous: full }];
  expect(settings()).toEqual(durable);
  file.close();
  expect(settings()).toEqual(durable);
});

it.skipIf(process.platform === 'win32')(
  'makes a folder that is missing for its owner alone, and has that on the disk, too',
  async () => {
    const parent = temporaryFolder();
    const [folder, traceFile] = [path.join(parent, 'new', 'data'), path.join(parent, 'trace.json')];
    const child = startProcess(new URL('../../../test/support/spool-process.ts', import.meta.url), [folder, '1000'], {
      execArgv: tracingFiles(traceFile),
    });
    expect(await child.nextMessage()).toBe('ready');
    child.send({ add: 1, size: 5, prefix: 'event' });
    expect(await child.nextMessage()).toEqual({ lost: 0 });
    child.process.disconnect();
    await once(child.process, 'exit');
    const calls = readFileTrace(traceFile);
    // Both folders are new: each is on the disk before the next step.
    expect(calls.filter((name) => name === 'mkdir' || name === 'fsync')).toEqual(['mkdir', 'fsync', 'mkdir', 'fsync']);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
  },
);
