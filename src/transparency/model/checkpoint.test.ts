import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkpointText, originOf, parseCheckpointText } from './checkpoint.ts';

const logId = '01900000-0000-4000-8000-000000000001';
const rootHash = Buffer.from('CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=', 'base64');
const text = `flagtrail/${logId}\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n`;

describe("a checkpoint's text", () => {
  it('is the origin, the size and the root, as C2SP writes them', () => {
    expect(checkpointText({ logId, epoch: 1, size: 20852163, rootHash })).toBe(text);
  });

  it('names a later epoch in the origin', () => {
    expect(originOf({ logId, epoch: 2 })).toBe(`flagtrail/${logId}/2`);
  });

  it('says what it was made of', () => {
    const points = fc.record({
      logId: fc.uuid(),
      epoch: fc.integer({ min: 1, max: 1000 }),
      size: fc.integer({ min: 0, max: 1e12 }),
      rootHash: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes)),
    });
    fc.assert(
      fc.property(points, (point) => {
        expect(parseCheckpointText(checkpointText(point))).toEqual(point);
      }),
    );
  });

  it.each([
    ['of another log', text.replace('flagtrail', 'example.com')],
    ['with a leading zero', text.replace('\n2', '\n02')],
    ['with a short root', text.replace('CsUY', '')],
    ['with an extension line', `${text}more\n`],
    ['that is a verifier line', `flagtrail/${logId}+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW\n`],
  ])('%s is not one of ours', (_what, other) => {
    expect(parseCheckpointText(other)).toBe(null);
  });
});
