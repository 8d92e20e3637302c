import net, { type AddressInfo } from 'node:net';
import { atTestEnd } from '../support/at-test-end.ts';

/**
 * Stands between the service and PostgreSQL and counts the statements that pass: messages Execute and Query of the wire
 * protocol (PostgreSQL manual, chapter "Message Formats"). Closed when the test is over.
 */
export const startPostgresProxy = async (databaseUrl: string) => {
  const target = new URL(databaseUrl);
  let statements = 0;
  const server = net.createServer((client) => {
    const upstream = net.connect(Number(target.port), target.hostname);
    client.pipe(upstream).pipe(client);
    client.on('error', () => upstream.destroy());
    upstream.on('error', () => client.destroy());
    const read = makeMessageReader((type) => {
      if (type === 'E' || type === 'Q') statements += 1;
    });
    client.on('data', read);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atTestEnd(async () => void server.close());
  const url = new URL(databaseUrl);
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    /** How many statements the work takes: the least of three runs, because a process announces itself now and then, too. */
    count: async (work: () => Promise<unknown>): Promise<number> => {
      const counts: number[] = [];
      while (counts.length < 3) {
        const before = statements;
        await work();
        counts.push(statements - before);
      }
      return Math.min(...counts);
    },
  };
};

/** Cuts what a client sends into messages: a type byte and a length, except for the first one, which has no type. */
const makeMessageReader = (onMessage: (type: string) => void) => {
  let rest = Buffer.alloc(0);
  let started = false;
  return (chunk: Buffer): void => {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      const header = started ? 1 : 0;
      if (rest.length < header + 4) return;
      const end = header + rest.readInt32BE(header);
      if (rest.length < end) return;
      if (started) onMessage(String.fromCharCode(rest[0] ?? 0));
      started = true;
      rest = rest.subarray(end);
    }
  };
};
