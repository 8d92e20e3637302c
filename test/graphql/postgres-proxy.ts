import { atTestEnd } from '../support/at-test-end.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

/**
 * Stands between the service and PostgreSQL and counts the statements that pass: messages Execute and Query of the wire
 * protocol (PostgreSQL manual, chapter "Message Formats"). Closed when the test is over.
 */
export const startPostgresProxy = async (databaseUrl: string) => {
  const url = new URL(databaseUrl);
  let statements = 0;
  const proxy = await startTcpProxy({
    target: { host: url.hostname, port: Number(url.port) },
    onConnection: () =>
      makeMessageReader((type) => {
        if (type === 'E' || type === 'Q') statements += 1;
      }),
  });
  atTestEnd(proxy.close);
  url.port = String(proxy.port);
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
