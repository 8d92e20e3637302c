import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createPostgresDatabase } from '../support/databases.ts';
import { root, startServe } from '../support/serve-process.ts';
import { temporaryFolder } from '../support/service.ts';
import { standIns } from './not-run.ts';
import type { Block, Problem } from './pages.ts';

/** What pages may use and a machine with Node and npm need not have. */
const foreignTools = ['bash', 'curl', 'jq'];

/** Tools that the blocks need and this machine lacks. */
export const missingTools = (blocks: readonly Block[]): string[] => {
  const text = blocks.map((block) => block.text).join('\n');
  const folders = (process.env.PATH ?? '').split(path.delimiter);
  return foreignTools.filter(
    (tool) =>
      (tool === 'bash' || new RegExp(`\\b${tool}\\b`).test(text)) &&
      !folders.some((folder) => existsSync(path.join(folder, tool))),
  );
};

/**
 * Runs the blocks of one page in order, in one shell, beside a service of its own on a PostgreSQL of the tests: commands that
 * need the database, such as exports, run while it does. Gives back the first command that failed, with its line.
 */
export const runShell = async (
  page: string,
  blocks: readonly Block[],
  { timeoutMs = 100_000 }: { timeoutMs?: number } = {},
): Promise<{ problems: Problem[]; notRun: string[] }> => {
  const { url: databaseUrl } = await createPostgresDatabase();
  const dataDir = temporaryFolder();
  const service = usesService(blocks) ? await startServe({ DATABASE_URL: databaseUrl, DATA_DIR: dataDir }) : null;
  await service?.untilReady();

  const folder = makeCheckout();
  const file = (name: string) => path.join(folder.outside, name);
  writeFileSync(file('page.sh'), scriptOf(blocks, { serviceUrl: service?.url, databaseUrl }));
  writeFileSync(file('prelude.sh'), prelude);
  for (const name of ['problems', 'not-run', 'trace']) writeFileSync(file(name), '');
  const realPath = [path.dirname(process.execPath), process.env.PATH].join(path.delimiter);
  const shell = spawn('bash', [file('page.sh')], {
    cwd: folder.checkout,
    // A group of its own, so that whatever a page leaves running ends with it.
    detached: true,
    env: {
      PATH: [folder.standIns, realPath].join(path.delimiter),
      HOME: folder.outside,
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
      npm_config_update_notifier: 'false',
      DATABASE_URL: databaseUrl,
      DATA_DIR: dataDir,
      BASH_ENV: file('prelude.sh'),
      DOCS_REAL_PATH: realPath,
      DOCS_PROBLEMS: file('problems'),
      DOCS_NOT_RUN: file('not-run'),
      DOCS_TRACE: file('trace'),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [shell.stdout, shell.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  const endGroup = () => {
    try {
      if (shell.pid !== undefined) process.kill(-shell.pid, 'SIGKILL');
    } catch {
      // Nothing of it is left.
    }
  };
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    endGroup();
  }, timeoutMs);
  const closed = once(shell, 'close');
  const [code] = await once(shell, 'exit');
  clearTimeout(timer);
  endGroup();
  await closed;

  const read = (name: string) => readFileSync(file(name), 'utf8').split('\n').filter(Boolean);
  const lastLine = Number(/^\++ (\d+) /.exec(read('trace').at(-1) ?? '')?.[1] ?? 1);
  const failures = read('problems').map((problem): Problem => `${page}:${problem as `${number}: ${string}`}`);
  if (timedOut) failures.push(`${page}:${lastLine}: it has not ended within ${timeoutMs / 1000} s (see not-run.ts)`);
  else if (code !== 0 && failures.length === 0) failures.push(`${page}:${lastLine}: the shell ended with ${code}`);
  const [first] = failures;
  return { problems: first ? [`${first}\n${output.slice(-2000)}`] : [], notRun: read('not-run') };
};

/** A service takes seconds of CPU: it starts where a block asks it something, or asks how it is. */
const usesService = (blocks: readonly Block[]): boolean =>
  blocks.some(({ text }) => /\bcurl\b.*:(\$\{PORT:-)?4000\b|\b(flagtrail|run|--silent|main\.js) status\b/.test(text));

/** Ends the page at the first command that fails, also within `$( … )`, and writes down which one and where it was. */
const prelude = `unset BASH_ENV
set -Eeuo pipefail
# The bash of macOS is older than these two: a failure is noted all the same, but not the line of a page that does not end.
shopt -s inherit_errexit 2>/dev/null || true
trap 'echo "$LINENO: \\"$BASH_COMMAND\\" ended with $?" >>"$DOCS_PROBLEMS"' ERR
exec 9>"$DOCS_TRACE"
BASH_XTRACEFD=9
PS4='+ $LINENO '
set -x
`;

/** The blocks at the lines where the page has them, for the place of the service and the database that the documentation names. */
const scriptOf = (
  blocks: readonly Block[],
  { serviceUrl = 'http://127.0.0.1:4000', databaseUrl }: { serviceUrl?: string; databaseUrl: string },
): string => {
  const lines: string[] = [];
  for (const { line, text } of blocks) {
    while (lines.length < line - 1) lines.push('');
    lines.push(...text.replace(/\n$/, '').split('\n'));
  }
  // What a page starts in the background has to end, too.
  return `${lines.join('\n')}\nwait\n`
    .replaceAll(/\b(127\.0\.0\.1|localhost):(4000\b|\$\{PORT:-4000\})/g, new URL(serviceUrl).host)
    .replaceAll(/\bpostgres(ql)?:\/\/[^\s'"]+/g, databaseUrl)
    .replaceAll('dist/main.js', 'src/main.ts');
};

/** A checkout made of links: commands run as in the project's folder, and what they write stays out of it. */
const makeCheckout = () => {
  const outside = temporaryFolder();
  const checkout = path.join(outside, 'flagtrail');
  mkdirSync(checkout);
  const left = ['.git', '.ci', 'data', 'dist', 'coverage'];
  for (const name of readdirSync(root)) {
    if (!left.includes(name)) symlinkSync(path.join(root, name), path.join(checkout, name));
  }
  const folder = path.join(outside, 'stand-ins');
  mkdirSync(folder);
  mkdirSync(path.join(checkout, '.ci'));
  const standIn = path.join(import.meta.dirname, 'stand-in.ts');
  for (const [name, file] of [
    ...standIns.map((name) => [name, path.join(folder, name)]),
    ['.ci/run', path.join(checkout, '.ci/run')],
  ]) {
    if (!file) continue;
    writeFileSync(file, `#!/bin/sh\nexec '${process.execPath}' '${standIn}' '${name}' "$@"\n`);
    chmodSync(file, 0o755);
  }
  return { outside, checkout, standIns: folder };
};
