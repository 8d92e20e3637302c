import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import pg from 'pg';

type Options = {
  /** A connection that does not stand by then is given up. */
  connectWithinMs: number;
  /** How long a connection may say nothing while a statement is under way. Absent: as long as it likes. */
  silentForMs?: number;
  /**
   * Whether the server is at work for the backend of a silent connection; rejects where it does not answer. Absent: whoever is
   * silent for that long is gone.
   */
  isAtWork?: (backendPid: number) => Promise<boolean>;
  /** However busy the server says that it is: a connection that is silent for so long is given up. */
  atMostMs?: number;
};

export type Connection = pg.Client & {
  /** The backend as the server names it: behind a pooler, what the connection was greeted with is something else. */
  backendPid: number | null;
};

type Connections = {
  Connection: new (config?: pg.ClientConfig) => Connection;
  /** Ends all connections at once, and every one that anybody opens from now on. */
  cut(): void;
};

/** How long a connection that says goodbye waits for the other side. */
const farewellMs = 500;

/**
 * Connections of pg that end when they are dead. pg itself waits for ever on one that has gone silent: its `query_timeout`
 * gives up the statement and keeps the connection, which then goes back to the pool with the statement still under way, and its
 * `end` waits for an answer to the goodbye.
 */
export const makeConnections = ({
  connectWithinMs,
  silentForMs,
  isAtWork,
  atMostMs = Number.POSITIVE_INFINITY,
}: Options): Connections => {
  const open = new Set<WatchedClient>();
  let isCut = false;

  class WatchedClient extends pg.Client implements Connection {
    backendPid: number | null = null;

    constructor(config?: pg.ClientConfig) {
      super({ ...config, connectionTimeoutMillis: connectWithinMs });
      // For its whole life, whoever has it: an error that nobody hears ends the process. Statements under way hear of it, too.
      this.on('error', () => {});
      this.once('connect', () => this.watch());
      this.once('end', () => open.delete(this));
      open.add(this);
      if (isCut) setImmediate(() => this.abandon('the service is stopping'));
    }

    /** Neither a statement nor a transaction is under way. */
    isAtRest(): boolean {
      return !this.isBusy() && this.getTransactionStatus() === 'I';
    }

    /** Ends it without a word: nobody may be there to answer. Statements under way fail, and the pool lends it to nobody. */
    abandon(reason: string): void {
      this.connection.stream.destroy(new Error(reason));
      void this.end();
    }

    override end(): Promise<void>;
    override end(callback: (error: Error) => void): void;
    override end(callback?: (error: Error) => void): Promise<void> | undefined {
      const farewell = setTimeout(() => this.connection.stream.destroy(), farewellMs).unref();
      this.once('end', () => clearTimeout(farewell));
      if (!callback) return super.end();
      super.end(callback);
      return undefined;
    }

    private isBusy(): boolean {
      return !(this as unknown as { readyForQuery: boolean }).readyForQuery;
    }

    private watch(): void {
      if (silentForMs === undefined) return;
      const stream = this.connection.stream as Socket;
      let silence = { bytesRead: -1, ms: 0 };
      const judge = async () => {
        if (!this.isBusy()) return;
        const { bytesRead } = stream;
        silence = { bytesRead, ms: silentForMs + (bytesRead === silence.bytesRead ? silence.ms : 0) };
        const mayWait = silence.ms < atMostMs && (await this.isServed());
        // Perhaps it was this process that stood still, and the answer has been there for long: it is heard before this goes on.
        await nextTurn();
        if (stream.bytesRead !== bytesRead || !this.isBusy()) return;
        if (mayWait) stream.setTimeout(silentForMs);
        else this.giveUp(silence.ms);
      };
      stream.on('timeout', () => void judge());
      stream.setTimeout(silentForMs);
    }

    /** What happened to one has happened to those that rest, as a rule: whoever got one of them would find that out anew. */
    private giveUp(silentMs: number): void {
      this.abandon(`no answer within ${silentMs / 1000} s`);
      for (const other of open) if (other.isAtRest()) other.abandon('another connection got no answer');
    }

    private isServed(): Promise<boolean> {
      if (!isAtWork || this.backendPid === null) return Promise.resolve(false);
      return isAtWork(this.backendPid).catch(() => false);
    }
  }

  return {
    Connection: WatchedClient,
    cut: (): void => {
      isCut = true;
      for (const connection of open) connection.abandon('the service is stopping');
    },
  };
};
