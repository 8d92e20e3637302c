// A process that spools events: it takes orders over IPC, and answers each with the result.
import { v7 as uuidv7 } from 'uuid';
import { openSpool } from '../../src/audit/spool/spool.ts';

export type SpoolOrder = { add: number; size: number; prefix: string } | { losses: true };

const [folder = '', maxBytes = ''] = process.argv.slice(2);
const spool = openSpool({
  folder,
  maxBytes: Number(maxBytes),
  now: () => new Date(),
  newId: (at) => uuidv7({ msecs: at.getTime() }),
  onProblem: () => {},
});

process.on('message', (order: SpoolOrder) => {
  if ('losses' in order) {
    process.send?.(spool.losses('log').map(({ reason, count }) => ({ reason, count })));
    return;
  }
  let lost = 0;
  for (let n = 1; n <= order.add; n++) {
    const entry = `${order.prefix}-${n}`.padEnd(order.size, '.');
    lost += spool.add([{ logId: 'log', transactionId: null, entry }]);
  }
  process.send?.({ lost });
});
process.send?.('ready');
