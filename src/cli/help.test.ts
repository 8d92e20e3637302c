import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const main = fileURLToPath(new URL('../main.ts', import.meta.url));
/** What the command line prints, whatever is set. */
const helpOf = async (...command: string[]): Promise<string> => {
  const env = { PATH: process.env.PATH, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE, PORT: 'not a port' };
  const args = ['--disable-warning=ExperimentalWarning', main, ...command, '--help'];
  return (await promisify(execFile)(process.execPath, args, { env })).stdout;
};

describe('flagtrail --help', () => {
  it('names every command, the settings to begin with, and an example', async () => {
    const help = await helpOf();
    for (const command of ['serve', 'worker', 'migrate', 'export', 'import', 'status', 'schedules', 'log', 'token', 'verify'])
      expect(help).toMatch(new RegExp(`^  ${command} `, 'm'));
    for (const setting of ['DATABASE_URL', 'PORT', 'ROLES', 'NODE_ENV']) expect(help).toContain(setting);
    expect(help).toContain('flagtrail token --sub alice');
  });

  it.each(['serve', 'worker'])('says of %s what it waits for, and how it stops', async (command) => {
    const help = await helpOf(command);
    expect(help).toMatch(/migrate|role audit/);
    expect(help).toContain('SIGTERM');
    expect(help).toMatch(/^Examples?:\n {2}/m);
  });
});
