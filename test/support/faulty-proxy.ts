import net, { type AddressInfo, type Socket } from 'node:net';
import { atTestEnd } from './at-test-end.ts';

/** What happens to the traffic: `requests` go to the server, `answers` come from it. */
export type Fault = {
  /** None of this traffic gets through any more; the connections stay open. */
  swallows?: readonly ('requests' | 'answers')[];
  /** Each piece arrives this much later. */
  delayMs?: number;
};

type Link = { client: Socket; upstream: Socket; fault: Fault };

/** Stands between a service and its server, and disturbs their traffic. It is closed when the test ends. */
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
      // If the traffic is lost, so is its end.
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
    /** Sets what happens to connections that exist, and to new ones. */
    disturb: ({ standing, coming }: { standing?: Fault; coming?: Fault }) => {
      if (standing) for (const link of links) link.fault = standing;
      if (coming) faultOfNew = coming;
    },
    /** Loses all traffic in both directions, on every connection, without telling either side. */
    goSilent: () => {
      for (const link of links) link.fault = { swallows: everything };
      faultOfNew = { swallows: everything };
    },
    /** New connections work again; silent ones stay silent. */
    heal: () => {
      faultOfNew = {};
    },
    /** Resets every connection. */
    cut,
    /** How many pieces have been lost so far. */
    swallowed: () => swallowed,
  };
};
