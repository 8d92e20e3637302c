import { ServerResponse } from 'node:http';
import type { UnreadAnswer } from './unread-answers.ts';

/** After this many milliseconds without progress, the reader of an answer counts as gone. */
export const drainDeadlineMs = 30_000;

type Tracking = { answer: UnreadAnswer; drainMs: number };

/** A response that counts its unread bytes, and that ends its connection if the client stops reading. */
export class TrackedResponse extends ServerResponse {
  #tracking: Tracking | null = null;
  #waiting = 0;

  track(tracking: Tracking): void {
    this.#tracking = tracking;
    this.on('close', () => tracking.answer.close());
  }

  get answer(): UnreadAnswer | undefined {
    return this.#tracking?.answer;
  }

  override write(chunk: unknown, ...rest: unknown[]): boolean {
    const callback = rest.findLast((argument) => typeof argument === 'function') as ((error?: Error | null) => void) | undefined;
    const encoding = (typeof rest[0] === 'string' ? rest[0] : 'utf8') as BufferEncoding;
    const bytes = sizeOf(chunk, encoding);
    this.#wrote(bytes);
    return super.write(chunk, encoding, (error) => {
      this.#drained(bytes);
      callback?.(error);
    });
  }

  override end(...args: unknown[]): this {
    // The last bytes count until the response closes, which happens when the connection has taken all of them.
    if (args[0] != null && typeof args[0] !== 'function') this.#wrote(sizeOf(args[0], 'utf8'));
    else if (this.#tracking) this.setTimeout(this.#tracking.drainMs);
    return super.end(...(args as []));
  }

  #wrote(bytes: number): void {
    this.#waiting += bytes;
    if (!this.#tracking) return;
    this.#tracking.answer.wrote(bytes);
    // Without a listener, Node destroys the connection when this times out. Progress restarts the timeout.
    this.setTimeout(this.#tracking.drainMs);
  }

  #drained(bytes: number): void {
    this.#waiting -= bytes;
    this.#tracking?.answer.drained(bytes);
    // A stream can be silent as long as nothing happens. A response that has ended still waits for its close.
    if (this.#waiting === 0 && !this.writableEnded) this.setTimeout(0);
  }
}

const sizeOf = (chunk: unknown, encoding: BufferEncoding): number =>
  typeof chunk === 'string' ? Buffer.byteLength(chunk, encoding) : chunk instanceof Uint8Array ? chunk.byteLength : 0;
