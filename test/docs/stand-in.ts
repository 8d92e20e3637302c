import { spawnSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { notRun } from './not-run.ts';
import { toProgram } from './npm-script.ts';

// Takes the place of a program while the documentation's commands run: `stand-in.ts <program> <its arguments>`. What not-run.ts
// lists is checked instead, anything else is run. An answer of the API that tells of an error fails the command, as curl would not.

const [given = '', ...args] = process.argv.slice(2);
const words = given === 'npx' && args[0] === 'flagtrail' ? args : [given, ...args];
const { DOCS_NOT_RUN: notRunFile = '', DOCS_REAL_PATH: realPath } = process.env;
process.env.PATH = realPath;

const fail = (reason: string, code = 1): never => {
  process.stderr.write(`${given}: ${reason}\n`);
  process.exit(code);
};

/** The answer's errors: GraphQL's own, or the message of an error type. Success selects no `message`. */
const errorsIn = (answer: string): string | null => {
  let parsed: { errors?: unknown; data?: Record<string, { message?: unknown } | null> | null };
  try {
    parsed = JSON.parse(answer);
  } catch {
    return null;
  }
  if (parsed.errors) return JSON.stringify(parsed.errors);
  const refused = Object.values(parsed.data ?? {}).find((field) => typeof field?.message === 'string');
  return refused ? JSON.stringify(refused) : null;
};

const entry = notRun.find(({ command }) => command.test(words.join(' ')));
if (entry) {
  for (const check of entry.instead) {
    const problem = await check(words);
    if (problem !== null) fail(problem);
  }
  appendFileSync(notRunFile, `${words.join(' ')}: ${entry.because}\n`);
} else {
  const [program, ...rest] = toProgram(words);
  const looksAtAnswer = program === 'curl';
  const { status, error, stdout } = spawnSync(program, rest, {
    stdio: ['inherit', looksAtAnswer ? 'pipe' : 'inherit', 'inherit'],
    maxBuffer: 64 * 1024 * 1024,
  });
  if (error) fail(error.message, 127);
  if (looksAtAnswer) process.stdout.write(stdout);
  const refusal = looksAtAnswer && errorsIn(String(stdout));
  if (refusal) fail(`the answer is ${refusal}`);
  process.exitCode = status ?? 1;
}
