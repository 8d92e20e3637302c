/** Primary result codes of SQLite, https://www.sqlite.org/rescode.html */
export const SQLITE_BUSY = 5;
export const SQLITE_CORRUPT = 11;
export const SQLITE_NOTADB = 26;

/** Whether `node:sqlite` threw one of these primary result codes. */
export const isSqliteError = (error: unknown, ...codes: number[]): error is Error =>
  // Extended codes carry the primary one in their lowest byte.
  error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' && codes.includes(error.errcode & 0xff);
