import { expect, it } from 'vitest';
import { readRejections } from './rejections.ts';

it.each([
  [undefined, 0, 5],
  [{}, 0, 5],
  [{ tooOldLogEventEndIndex: 2 }, 2, 5],
  [{ expiredLogEventEndIndex: 3 }, 3, 5],
  [{ tooOldLogEventEndIndex: 1, expiredLogEventEndIndex: 4 }, 4, 5],
  [{ tooNewLogEventStartIndex: 3 }, 0, 3],
  [{ tooNewLogEventStartIndex: 0 }, 0, 0],
  [{ tooOldLogEventEndIndex: 1, tooNewLogEventStartIndex: 4 }, 1, 4],
  [{ tooOldLogEventEndIndex: 5 }, 5, 5],
  [{ tooOldLogEventEndIndex: 9, tooNewLogEventStartIndex: -1 }, 5, 5],
])('of five events, %o means that [%i, %i) were accepted', (rejected, acceptedFrom, acceptedTo) => {
  expect(readRejections(rejected, 5)).toEqual({ acceptedFrom, acceptedTo });
});
