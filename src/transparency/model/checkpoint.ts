import { fromBase64 } from './note.ts';

// What a checkpoint says (https://c2sp.org/tlog-checkpoint): which log, how many entries, and their root.

/** Where a log stood: the root of its first `size` entries. A new epoch is another log for those who watch it. */
export type LogPoint = { logId: string; epoch: number; size: number; rootHash: Buffer };

/**
 * The name of a log's keys, which is its origin in the first epoch. It stays the same in later epochs, so that an auditor's
 * verifier line goes on verifying, while the origin tells the epochs apart.
 */
export const keyNameOf = (logId: string): string => `flagtrail/${logId}`;

/** The log's identity, as checkpoints name it. */
export const originOf = ({ logId, epoch }: Pick<LogPoint, 'logId' | 'epoch'>): string =>
  epoch === 1 ? keyNameOf(logId) : `${keyNameOf(logId)}/${epoch}`;

/** The text that is signed. It holds no time, so everybody who has the key signs the same bytes. */
export const checkpointText = (point: LogPoint): string =>
  `${originOf(point)}\n${point.size}\n${point.rootHash.toString('base64')}\n`;

const form = /^flagtrail\/(?<logId>[0-9a-f-]{36})(?:\/(?<epoch>[1-9]\d{0,8}))?\n(?<size>0|[1-9]\d{0,14})\n(?<root>\S{44})\n$/;

/** What a checkpoint of Flagtrail says; null for any other text. */
export const parseCheckpointText = (text: string): LogPoint | null => {
  const { logId, epoch = '1', size, root = '' } = form.exec(text)?.groups ?? {};
  const rootHash = fromBase64(root);
  if (logId === undefined || rootHash?.length !== 32) return null;
  return { logId, epoch: Number(epoch), size: Number(size), rootHash };
};
