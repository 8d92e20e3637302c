/** A command about the log's signature cannot do its work. The message says why, and what to do instead. */
export class LogCommandRefusedError extends Error {
  override readonly name = 'LogCommandRefusedError';
}
