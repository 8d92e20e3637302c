import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/**
 * What is wrong with the network. `delay`: everything arrives later. `black-hole`: nothing arrives, in either direction.
 * `server-unaware`: clients have hung up, but the server does not notice. `client-unaware`: the other way round. Except after a
 * delay, connections that existed during the fault stay dead and silent until the next `heal` with `bury`.
 */
export type NetworkFault =
  | { kind: 'delay'; ms: number }
  | { kind: 'black-hole' }
  | { kind: 'server-unaware' }
  | { kind: 'client-unaware' };

type Options = {
  target: { host: string; port: number };
  /** Sees what each client sends: the returned function is called with every chunk of one connection. */
  onConnection?: () => (chunk: Buffer) => void;
};

type Pair = { client: Socket; server: Socket; forward: { live: boolean } };

/** Stands between clients and a server on the loopback interface, and breaks their connections when told to. */
export const startTcpProxy = async ({ target, onConnection }: Options) => {
  let fault: NetworkFault | null = null;
  const pairs = new Set<Pair>();
  /** Connections that came while nothing arrived: they get through afterwards. */
  const waiting = new Set<Socket>();

  const isSilent = () => fault !== null && fault.kind !== 'delay';
  const join = (client: Socket) => {
    const server = connect({ ...target, noDelay: true });
    const pair: Pair = { client, server, forward: { live: true } };
    pairs.add(pair);
    const delayMs = () => (fault?.kind === 'delay' ? fault.ms : 0);
    carry(client, server, { forward: pair.forward, delayMs });
    carry(server, client, { forward: pair.forward, delayMs });
    for (const [end, other] of [
      [client, server],
      [server, client],
    ] as const) {
      end.on('close', () => {
        if (pair.forward.live) other.destroy();
        if (client.destroyed && server.destroyed) pairs.delete(pair);
      });
    }
    const watch = onConnection?.();
    if (watch) client.on('data', watch);
  };

  const listener = createServer({ noDelay: true }, (client) => {
    // The proxy passes a broken connection on as a closed one; it must not end because of it.
    client.on('error', () => client.destroy());
    client.on('close', () => waiting.delete(client));
    if (isSilent()) waiting.add(client);
    else join(client);
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');

  const heal = ({ bury = false }: { bury?: boolean } = {}) => {
    fault = null;
    for (const { client, server, forward } of pairs) {
      // In the end the server learns that its client has gone. A client can only find out by itself.
      if (!forward.live && client.destroyed) server.destroy();
      if (!forward.live && bury) {
        client.destroy();
        server.destroy();
      }
    }
    for (const client of waiting) join(client);
    waiting.clear();
  };
  return {
    port: (listener.address() as AddressInfo).port,
    /** Breaks the network until `heal`. */
    breakDown: (next: NetworkFault): void => {
      fault = next;
      if (next.kind === 'delay') return;
      for (const { client, server, forward } of pairs) {
        forward.live = false;
        if (next.kind === 'server-unaware') client.destroy();
        if (next.kind === 'client-unaware') server.destroy();
      }
    },
    /** Resets every connection, once. */
    reset: (): void => {
      for (const { client, server } of pairs) {
        client.resetAndDestroy();
        server.resetAndDestroy();
      }
    },
    /** Lets new connections work again; `bury` also closes the dead ones. */
    heal,
    close: async (): Promise<void> => {
      listener.close();
      for (const client of waiting) client.destroy();
      for (const { client, server } of pairs) {
        client.destroy();
        server.destroy();
      }
      await once(listener, 'close');
    },
  };
};
export type TcpProxy = Awaited<ReturnType<typeof startTcpProxy>>;

type Carrying = { forward: { live: boolean }; delayMs: () => number };

/** Carries what one end sends to the other, in order, no faster than the receiver takes it. */
const carry = (from: Socket, to: Socket, { forward, delayMs }: Carrying): void => {
  const queue: { chunk: Buffer | null; dueAt: number }[] = [];
  let timer: NodeJS.Timeout | undefined;
  const pass = (chunk: Buffer | null) => {
    if (!forward.live || to.destroyed) return;
    if (chunk === null) to.end();
    else if (!to.write(chunk)) {
      from.pause();
      to.once('drain', () => from.resume());
    }
  };
  const pump = () => {
    timer = undefined;
    while (queue[0] && queue[0].dueAt <= performance.now()) pass(queue.shift()?.chunk ?? null);
    if (queue[0]) timer = setTimeout(pump, Math.max(1, queue[0].dueAt - performance.now()));
  };
  const take = (chunk: Buffer | null) => {
    const ms = delayMs();
    if (ms === 0 && queue.length === 0) return pass(chunk);
    queue.push({ chunk, dueAt: Math.max(queue.at(-1)?.dueAt ?? 0, performance.now() + ms) });
    timer ??= setTimeout(pump, ms);
  };
  from.on('data', take);
  from.on('end', () => take(null));
  from.on('error', () => from.destroy());
  from.on('close', () => clearTimeout(timer));
};
