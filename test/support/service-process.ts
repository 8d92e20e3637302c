import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { atTestEnd } from './at-test-end.ts';
import { logKey } from './log-key.ts';
import { temporaryFolder } from './service.ts';

export type LogLine = { level: string; msg?: string; url?: string; requestId?: string; err?: { message: string } };

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** `flagtrail serve` as a separate process on a free port; killed at the end of the test. Resolves when it has started. */
export const startServiceProcess = async (env: Record<string, string>) => {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, 'serve'], {
    env: {
      PATH: process.env.PATH,
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
      PORT: '0',
      DATA_DIR: temporaryFolder(),
      LOG_SIGNING_KEY: logKey,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit').then(([code, signal]) => code ?? signal);
  atTestEnd(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const lines: LogLine[] = [];
  const printed: string[] = [];
  let wake = () => {};
  createInterface({ input: child.stdout }).on('line', (line) => {
    printed.push(line);
    lines.push(JSON.parse(line));
    wake();
  });
  const complaints: string[] = [];
  child.stderr.setEncoding('utf8').on('data', (text: string) => complaints.push(text));
  const line = async (find: (line: LogLine) => boolean): Promise<LogLine> => {
    for (;;) {
      const found = lines.find(find);
      if (found) return found;
      await Promise.race([
        new Promise<void>((resolve) => {
          wake = resolve;
        }),
        exited.then((code) => {
          throw new Error(`the service ended with ${code}:\n${complaints.join('')}${printed.join('\n')}`);
        }),
      ]);
    }
  };
  const { url = '' } = await line(({ msg }) => msg === 'started');
  return { url, child, exited, line, lines, /** Every line of stdout as it came. */ printed, stderr: () => complaints.join('') };
};
