import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { compareVersions, gatesAt, readGates, toFlagd } from '../demo/kubernetes-gates.ts';
import { openDatabases } from '../src/database/open-database.ts';
import { fromFlagdDocument } from '../src/flagd/model/flagd-import.ts';
import { makeFlagStore } from '../src/flags/store/flag-store.ts';
import { atTestEnd } from './support/at-test-end.ts';
import { dataDirectory, temporaryFolder } from './support/service.ts';

const header = 'gate,version,stage,enabled,locked';
const csv = readFileSync(new URL('../demo/data/kubernetes-feature-gates.csv', import.meta.url), 'utf8');

/** A program of this project, as npm starts it. */
const run = (program: string, args: readonly string[], env: Record<string, string> = {}) =>
  promisify(execFile)(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', path.resolve(import.meta.dirname, '..', program), ...args],
    { env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE, ...env } },
  );

describe('Kubernetes’ feature gates', () => {
  it('are read as they stand in the file', () => {
    const changes = readGates(csv);
    expect(changes).toHaveLength(369);
    expect(changes[0]).toEqual({
      gate: 'AggregatedDiscoveryRemoveBetaType',
      version: '1.0',
      stage: 'ga',
      enabled: false,
      locked: false,
    });
  });

  it('are read from files of other systems', () => {
    const rows = [{ gate: 'A', version: '1.2', stage: 'beta', enabled: true, locked: true }];
    expect(readGates(`\uFEFF${header}\r\nA,1.2,beta,true,true\r\n`)).toEqual(rows);
    expect(readGates(`${header}\n"A",1.2,beta,true,true`)).toEqual(rows);
  });

  it.each([
    ['A,1.2,beta,true', 'columns length is 5, got 4 on line 3'],
    ['A,1.2,beta,true,false,x', 'columns length is 5, got 6 on line 3'],
    ['', 'columns length is 5, got 1 on line 3'],
    [',1.2,beta,true,false', "line 3: gate is '': allowed are letters"],
    ['a b,1.2,beta,true,false', "line 3: gate is 'a b': allowed are letters, digits and _, because it becomes the key of a flag"],
    ['A,v1.2,beta,true,false', "line 3: version is 'v1.2': allowed are versions like 1.34"],
    ['A,1.2,gamma,true,false', "line 3: stage is 'gamma': allowed are alpha, beta, ga, deprecated"],
    ['A,1.2,beta,yes,false', "line 3: enabled is 'yes': allowed are true and false"],
    ['A,1.2,beta,true,', "line 3: locked is '': allowed are true and false"],
  ])('are refused with the line and the reason: %j', (line, message) => {
    expect(() => readGates(`${header}\nA,1.1,alpha,false,false\n${line}\nB,1.1,alpha,false,false\n`)).toThrow(message);
  });

  it('are refused as a whole where the first line says other columns', () => {
    expect(() => readGates('gate;version\nA;1.2\n')).toThrow("line 1: must be 'gate,version,stage,enabled,locked'");
  });

  it('are refused with twenty lines at most', () => {
    const refused = () => readGates(`${header}\n${'A,1,beta,true,true\n'.repeat(30)}`);
    expect(refused).toThrow(/^(line \d+: version is '1'.*\n?){20}$/);
  });

  it('are what their last change up to a version says, wherever it stands', () => {
    const lines = ['A,1.16,ga,true,true', 'A,1.8,alpha,false,false', 'B,1.9,beta,true,false', 'A,1.10,beta,true,false'];
    const changes = readGates([header, ...lines].join('\n'));
    const at = (version: string | null) => gatesAt(changes, version).map(({ gate, version: since }) => `${gate} since ${since}`);
    expect(at('1.7')).toEqual([]);
    expect(at('1.8')).toEqual(['A since 1.8']);
    expect(at('1.15')).toEqual(['A since 1.10', 'B since 1.9']);
    expect(at(null)).toEqual(['A since 1.16', 'B since 1.9']);
    expect(compareVersions('2.0', '1.99')).toBeGreaterThan(0);
  });

  it('are 193 at the newest version', () => {
    expect(gatesAt(readGates(csv), null)).toHaveLength(193);
  });

  it('become boolean flags of a flagd document, with their stage as a tag', () => {
    const gate = { gate: 'A', version: '1.16', stage: 'ga', enabled: true, locked: true } as const;
    expect(fromFlagdDocument(JSON.parse(JSON.stringify(toFlagd([gate, { ...gate, gate: 'B', enabled: false }]))))).toEqual({
      issues: [],
      flags: [
        expect.objectContaining({
          key: 'A',
          type: 'BOOLEAN',
          tags: ['ga', 'locked'],
          state: { enabled: true, rolloutPercentage: 100, defaultVariant: 'on', rules: [] },
        }),
        expect.objectContaining({ key: 'B', state: expect.objectContaining({ enabled: false }) }),
      ],
    });
  });

  it('come to Flagtrail as they are at a version, and change to another version, by the commands that the demo names', {
    timeout: 120_000,
  }, async () => {
    const dataDir = await dataDirectory();
    const file = path.join(temporaryFolder(), 'gates.json');
    const importAt = async (...version: string[]) => {
      writeFileSync(file, (await run('demo/gates-to-flagd.ts', version)).stdout);
      return (await run('src/main.ts', ['import', file], { DATA_DIR: dataDir })).stderr;
    };
    expect(await importAt('1.12')).toBe('15 created, 0 updated, 0 unchanged in production\n');
    expect(await importAt('1.16')).toBe('5 created, 1 updated, 14 unchanged in production\n');
    const place = { databaseUrl: null, databaseConnections: 1, dataDir };
    const { reads, close } = await openDatabases(place, { pools: 'one', schema: 'any' });
    atTestEnd(close);
    const flags = makeFlagStore(reads.prisma);
    const flag = (await flags.find('APIResponseCompression')) ?? expect.unreachable();
    expect(flag).toMatchObject({ type: 'BOOLEAN', tags: ['beta'] });
    expect((await flags.statesOf([flag.id], 'production')).get(flag.id)).toMatchObject([{ enabled: true }]);
    await expect(run('demo/gates-to-flagd.ts', ['new'])).rejects.toThrow(/'new' is invalid .*allowed: a version like 1\.31/);
  });
});
