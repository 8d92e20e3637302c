import net, { type AddressInfo, type Socket } from 'node:net';
import { atTestEnd } from './at-test-end.ts';

/** What becomes of what passes: `requests` go to the server, `answers` come from it. */
export type Fault = {
  /** Nothing of these passes any more; the connections stay open. */
  swallows?: readonly ('requests' | 'answers')[];
  /** Each piece passes so much later. */
  delayMs?: number;
};

type Link = { client: Socket; upstream: Socket; fault: Fault };

/** Stands between a service and its server, and disturbs what passes. Closed when the test is over. */
export const startFaultyProxy = async (serverUrl: string) => {
  const target = new URL(serverUrl);
  const links = new Set<Link>();
  let faultOfNew: Fault = {};
  let swallowed = 0;
  const server = net.createServer((client) => {
    const link: Link = { client, upstream: net.connect(Number(target.port), target.hostname), fault: faultOfNew };
    links.add(link);
    const { upstream } = link;
    const forward = (from: Socket, to: Socket, kind: 'requests' | 'answers') => {
      const isSwallowed = () => link.fault.swallows?.includes(kind) ?? false;
      const later = (pass: () => void) => setTimeout(() => !isSwallowed() && !to.destroyed && pass(), link.fault.delayMs ?? 0);
      from.on('data', (chunk) => {
        if (isSwallowed()) {
          swallowed += 1;
          return;
        }
        if (link.fault.delayMs) later(() => to.write(chunk));
        else to.write(chunk);
      });
      // What is lost says nothing of its end, either.
      from.on('end', () => void (isSwallowed() || later(() => to.end())));
      from.on('error', () => {
        if (!isSwallowed()) to.destroy();
      });
      from.on('close', () => {
        if (client.destroyed && upstream.destroyed) links.delete(link);
      });
    };
    forward(client, upstream, 'requests');
    forward(upstream, client, 'answers');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = () => {
    for (const { client, upstream } of links) {
      client.destroy();
      upstream.destroy();
    }
  };
  atTestEnd(async () => {
    cut();
    server.close();
  });
  const url = new URL(serverUrl);
  url.port = String((server.address() as AddressInfo).port);
  const everything = ['requests', 'answers'] as const;
  return {
    url: url.href,
    /** What holds for the connections that stand, and for new ones. */
    disturb: ({ standing, coming }: { standing?: Fault; coming?: Fault }) => {
      if (standing) for (const link of links) link.fault = standing;
      if (coming) faultOfNew = coming;
    },
    /** Nothing passes in either direction, on no connection, and nobody hears that. */
    goSilent: () => {
      for (const link of links) link.fault = { swallows: everything };
      faultOfNew = { swallows: everything };
    },
    /** New connections work again; what was silent stays so. */
    heal: () => {
      faultOfNew = {};
    },
    /** Resets every connection. */
    cut,
    /** How many pieces were lost so far. */
    swallowed: () => swallowed,
  };
};
