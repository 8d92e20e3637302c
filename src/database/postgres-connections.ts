import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import pg from 'pg';

type Options = {
  /** A connection that is not open by then is given up. */
  connectWithinMs: number;
  /** How long a connection can be silent during a statement. Absent: without limit. */
  silentForMs?: number;
  /**
   * Whether the server is working for the backend of a silent connection; rejects if the server does not answer. Absent: a
   * connection that is silent for that long is gone.
   */
  isAtWork?: (backendPid: number) => Promise<boolean>;
  /** A connection that is silent for this long is given up, however busy the server claims to be. */
  atMostMs?: number;
};

export type Connection = pg.Client & {
  /** The backend's id as the server knows it. Behind a pooler, the id in the connection's greeting is a different one. */
  backendPid: number | null;
};

type Connections = {
  Connection: new (config?: pg.ClientConfig) => Connection;
  /** Ends all connections at once, and every one that is opened from now on. */
  cut(): void;
};

/** How long a closing connection waits for the other side's goodbye. */
const farewellMs = 500;

/**
 * Connections of pg that end when they are dead. pg itself waits forever on one that has gone silent: its `query_timeout` gives
 * up the statement but keeps the connection, which goes back to the pool with the statement still running, and its `end` waits
 * for an answer to the goodbye.
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
      // Stays for the connection's whole life, because an unhandled error would end the process. Running statements get the
      // error, too.
      this.on('error', () => {});
      this.once('connect', () => this.watch());
      this.once('end', () => open.delete(this));
      open.add(this);
      if (isCut) setImmediate(() => this.abandon('the service is stopping'));
    }

    /** Neither a statement nor a transaction is running. */
    isAtRest(): boolean {
      return !this.isBusy() && this.getTransactionStatus() === 'I';
    }

    /**
     * Ends the connection without a goodbye, because nobody may be there to answer. Running statements fail, and the pool never
     * hands it out again.
     */
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
        // Maybe this process stood still, and the answer arrived long ago, so it is handled before this goes on.
        await nextTurn();
        if (stream.bytesRead !== bytesRead || !this.isBusy()) return;
        if (mayWait) stream.setTimeout(silentForMs);
        else this.giveUp(silence.ms);
      };
      stream.on('timeout', () => void judge());
      stream.setTimeout(silentForMs);
    }

    /** Usually the idle connections are dead, too, and each would have to find out anew. So they are given up together. */
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
