import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { compareVersions, gatesAt, gateToFlag, parseGates } from './kubernetes-gates.ts';

const header = 'gate,version,stage,enabled,locked';
const csv = readFileSync(new URL('../../../demo/data/kubernetes-feature-gates.csv', import.meta.url), 'utf8');

describe('Kubernetes’ feature gates', () => {
  it('are read as they stand in the file', () => {
    const { changes, issues } = parseGates(csv);
    expect(issues).toEqual([]);
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
    expect(parseGates(`\uFEFF${header}\r\nA,1.2,beta,true,true\r\n`)).toEqual({ changes: rows, issues: [] });
  });

  it.each([
    ['A,1.2,beta,true', "has '' where only true and false are allowed"],
    ['A,1.2,beta,true,false,x', 'must have 5 columns'],
    ['"A",1.2,beta,true,false', 'without quotes'],
    ['a b,1.2,beta,true,false', "has the gate 'a b', which cannot be a flag's key"],
    ['A,v1.2,beta,true,false', "has the version 'v1.2'"],
    ['A,1.2,gamma,true,false', "has the stage 'gamma': allowed are alpha, beta, ga, deprecated"],
    ['A,1.2,beta,yes,false', "has 'yes' where only true and false are allowed"],
    ['', "has the gate ''"],
  ])('are refused with the line and the reason: %j', (line, message) => {
    const { changes, issues } = parseGates(`${header}\nA,1.1,alpha,false,false\n${line}\nB,1.1,alpha,false,false\n`);
    expect(changes).toEqual([]);
    expect(issues).toEqual([{ path: ['line 3'], message: expect.stringContaining(message) }]);
  });

  it('are what their last change up to a version says, wherever it stands', () => {
    const lines = ['A,1.16,ga,true,true', 'A,1.8,alpha,false,false', 'B,1.9,beta,true,false', 'A,1.10,beta,true,false'];
    const { changes } = parseGates([header, ...lines].join('\n'));
    const at = (version: string | null) => gatesAt(changes, version).map(({ gate, version: since }) => `${gate} since ${since}`);
    expect(at('1.7')).toEqual([]);
    expect(at('1.8')).toEqual(['A since 1.8']);
    expect(at('1.15')).toEqual(['A since 1.10', 'B since 1.9']);
    expect(at(null)).toEqual(['A since 1.16', 'B since 1.9']);
    expect(compareVersions('2.0', '1.99')).toBeGreaterThan(0);
  });

  it('are 193 at the newest version', () => {
    expect(gatesAt(parseGates(csv).changes, null)).toHaveLength(193);
  });

  it('become boolean flags with their stage as a tag', () => {
    expect(gateToFlag({ gate: 'A', version: '1.16', stage: 'ga', enabled: true, locked: true })).toMatchObject({
      key: 'A',
      type: 'BOOLEAN',
      variants: [],
      tags: ['ga', 'locked'],
      state: { enabled: true, rolloutPercentage: 100, defaultVariant: null, rules: [] },
    });
  });
});
