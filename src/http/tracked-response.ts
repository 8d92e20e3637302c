import { ServerResponse } from 'node:http';
import type { UnreadAnswer } from './unread-answers.ts';

/** A reader who takes nothing of an answer for this long is gone. */
export const drainDeadlineMs = 30_000;

type Tracking = { answer: UnreadAnswer; drainMs: number };

/** A response that counts what it has written and its reader has not taken, and that ends its connection when nothing is taken. */
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
    // What remains counts until the connection has taken the last of it: then the response is closed.
    if (args[0] != null && typeof args[0] !== 'function') this.#wrote(sizeOf(args[0], 'utf8'));
    else if (this.#tracking) this.setTimeout(this.#tracking.drainMs);
    return super.end(...(args as []));
  }

  #wrote(bytes: number): void {
    this.#waiting += bytes;
    if (!this.#tracking) return;
    this.#tracking.answer.wrote(bytes);
    // Without a listener the server cuts the connection off when it is over. Node begins anew whenever something is taken.
    this.setTimeout(this.#tracking.drainMs);
  }

  #drained(bytes: number): void {
    this.#waiting -= bytes;
    this.#tracking?.answer.drained(bytes);
    // A stream may say nothing for as long as nothing happens. What has ended waits for its close.
    if (this.#waiting === 0 && !this.writableEnded) this.setTimeout(0);
  }
}

const sizeOf = (chunk: unknown, encoding: BufferEncoding): number =>
  typeof chunk === 'string' ? Buffer.byteLength(chunk, encoding) : chunk instanceof Uint8Array ? chunk.byteLength : 0;
