// Tries to take the folder in its first argument, reports the outcome, and keeps the folder until it is stopped.
import { acquireDataDirectory } from '../../src/database/data-directory-lock.ts';

const folder = process.argv[2] ?? '';
const attempt = () => {
  try {
    const held = acquireDataDirectory(folder);
    process.once('message', () => {
      held.release();
      process.send?.('released');
    });
    return 'acquired';
  } catch (error) {
    return error instanceof Error ? error.name : String(error);
  }
};
process.send?.(attempt());
setInterval(() => {}, 60_000);
