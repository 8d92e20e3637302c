import { composeReads } from '../compose/reads.ts';
import type { Database } from '../database/database.ts';
import { interruptedExitCode } from '../process/signals.ts';
import { writeBundle } from './bundle-folder.ts';
import { makeProgressBar, type Terminal } from './progress-bar.ts';

type Given = { folder: string; database: Database; stderr: Terminal; signal: AbortSignal };

const number = new Intl.NumberFormat('en');

/** Writes the whole log as a bundle, with its progress, and returns the exit code. An interruption leaves no folder. */
export const exportBundleTo = async ({ folder, database, stderr, signal }: Given): Promise<number> => {
  const bar = makeProgressBar(stderr);
  const { exportBundle } = composeReads(database);
  const onProgress = (done: number, size: number) => bar.update(done / size, done);
  try {
    const size = await writeBundle(folder, (writer) => exportBundle({ writer, onProgress, signal })).finally(() => bar.stop());
    stderr.write(
      `${number.format(size)} ${size === 1 ? 'event' : 'events'}, all that are signed; check them with: flagtrail verify --bundle ${folder}\n`,
    );
    return 0;
  } catch (error) {
    if (!signal.aborted) throw error;
    stderr.write('Interrupted: no bundle was written.\n');
    return interruptedExitCode;
  }
};
