import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { createPostgresDatabase } from '../support/databases.ts';
import { startTestService, temporaryFolder, token } from '../support/service.ts';

const httpyac = path.resolve(import.meta.dirname, '../../node_modules/httpyac/bin/httpyac.js');
const schedules = path.join(import.meta.dirname, 'schedules.http');

/** What httpyac tells with --json, as far as it is used here. */
type Report = {
  requests: { name: string; testResults?: { message: string; status: string }[] }[];
  summary: { totalRequests: number; successTests: number };
};

/** Runs every request of a file, as its first lines say; gives back what did not hold. */
const send = async (file: string) => {
  const { url: databaseUrl } = await createPostgresDatabase();
  const { url: host } = await startTestService({ databaseUrl });
  const variables = { host, tokenA: await token({ sub: 'admin-a' }), tokenB: await token({ sub: 'admin-b' }) };
  const settings = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
  const { exitCode, output } = await new Promise<{ exitCode: unknown; output: string }>((resolve) => {
    const args = [httpyac, 'send', path.basename(file), '--all', '--json', '--var', ...settings];
    execFile(process.execPath, args, { cwd: path.dirname(file) }, (error, stdout, stderr) =>
      resolve({ exitCode: error?.code ?? 0, output: stdout || stderr }),
    );
  });
  const { requests, summary } = JSON.parse(output) as Report;
  const failures = requests.flatMap(({ name, testResults = [] }) =>
    testResults.filter(({ status }) => status !== 'SUCCESS').map(({ message }) => `${name}: ${message}`),
  );
  return { exitCode, failures, requests: summary.totalRequests, held: summary.successTests };
};

describe('schedules.http', () => {
  it('holds: admin A creates, admin B cancels, and the list names both', async () => {
    const assertions = readFileSync(schedules, 'utf8').match(/^\?\? /gm)?.length;
    expect(await send(schedules)).toEqual({ exitCode: 0, failures: [], requests: 5, held: assertions });
  });

  it('does not hold where another admin than B is expected', async () => {
    const wrong = path.join(temporaryFolder(), 'wrong.http');
    writeFileSync(wrong, readFileSync(schedules, 'utf8').replaceAll('.cancelledBy == {{adminB}}', '.cancelledBy == {{adminA}}'));
    const { exitCode, failures } = await send(wrong);
    expect(exitCode).not.toBe(0);
    expect(failures.map((failure) => failure.split(':')[0])).toEqual(['cancelled', 'list']);
  });
});
