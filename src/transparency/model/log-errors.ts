/** What a command about the log's signature cannot do, and what to do instead. */
export class LogCommandRefusedError extends Error {
  override readonly name = 'LogCommandRefusedError';
}
