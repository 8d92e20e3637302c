import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type LogResource, parseLogPath, toLogPath } from './log-path.ts';

describe('the path of a resource of the log', () => {
  it.each<[path: string, resource: LogResource]>([
    ['checkpoint', { kind: 'checkpoint' }],
    ['tile/0/000', { kind: 'tile', level: 0, index: 0, width: 256 }],
    ['tile/0/x001/x234/067', { kind: 'tile', level: 0, index: 1_234_067, width: 256 }],
    ['tile/63/999', { kind: 'tile', level: 63, index: 999, width: 256 }],
    ['tile/1/x001/000.p/17', { kind: 'tile', level: 1, index: 1000, width: 17 }],
    ['tile/entries/273.p/112', { kind: 'entries', index: 273, width: 112 }],
    ['tile/entries/x012/345', { kind: 'entries', index: 12_345, width: 256 }],
    ['disclosures/000.p/255', { kind: 'disclosures', index: 0, width: 255 }],
  ])('is %s, as C2SP tlog-tiles writes it', (path, resource) => {
    expect(toLogPath(resource)).toBe(path);
    expect(parseLogPath(path)).toEqual(resource);
  });

  it.each([
    '',
    'tile',
    'tile/0',
    'tile/0/',
    'tile/0/0',
    'tile/0/00',
    'tile/0/0000',
    'tile/0/1000',
    'tile/0/x000/001',
    'tile/0/x001',
    'tile/0/x001/x000',
    'tile/0/001/000',
    'tile/0/X001/000',
    'tile/00/000',
    'tile/64/000',
    'tile/-1/000',
    'tile/1.0/000',
    'tile/0/000.p',
    'tile/0/000.p/',
    'tile/0/000.p/0',
    'tile/0/000.p/01',
    'tile/0/000.p/256',
    'tile/0/000.p/-1',
    'tile/0/000.p/1/',
    'tile/0/000/',
    'tile/0//000',
    '/tile/0/000',
    'tile/0/000\n',
    'tile/0/%30%30%30',
    'tile/0/٠٠٠',
    'tile/Entries/000',
    'tile/data/000',
    'tile/entries/entries/000',
    'disclosures/0/000',
    'disclosures/entries/000',
    'checkpoint/',
    'Checkpoint',
    `tile/0/${'x999/'.repeat(5)}999`,
  ])('is never %j', (path) => expect(parseLogPath(path)).toBeNull());

  it('is never longer than the largest index needs', () => {
    expect(parseLogPath(`tile/0/${'x001/'.repeat(20_000)}000`)).toBeNull();
  });

  it('is the only one of its resource, and names it exactly', () => {
    const width = fc.integer({ min: 1, max: 256 });
    const index = fc.oneof(fc.maxSafeNat(), fc.nat({ max: 3000 }));
    const resource: fc.Arbitrary<LogResource> = fc.oneof(
      fc.record({ kind: fc.constant('tile' as const), level: fc.nat({ max: 63 }), index, width }),
      fc.record({ kind: fc.constantFrom('entries' as const, 'disclosures' as const), index, width }),
    );
    fc.assert(
      fc.property(resource, (given) => {
        expect(parseLogPath(toLogPath(given))).toEqual(given);
      }),
    );
    const piece = fc.constantFrom('tile', 'entries', 'disclosures', '/', 'x', '0', '1', '001', '.p', '256', '');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const path = pieces.join('');
        const read = parseLogPath(path);
        if (read) expect(toLogPath(read)).toBe(path);
      }),
      { numRuns: 5000 },
    );
  });
});
