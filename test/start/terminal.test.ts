import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { beforeAll, describe, expect, it } from 'vitest';
import { makeDisplay } from '../../demo/display.ts';
import { rawUpgrade } from '../support/raw-http.ts';
import { root, startServe } from '../support/serve-process.ts';
import { dataDirectory, temporaryFolder } from '../support/service.ts';

/** What a terminal would obey: an escape sequence in C0 and one in C1, a bell, and text from right to left. */
const hostile = '\u001b[31mred\u009b32m\u0007\u202Eevil\u2066';
const control = /[^\P{Cc}\n]|\p{Bidi_Control}/u;

/** Runs a command, and gives back all that it printed. */
const run = (args: readonly string[], env: Record<string, string> = {}) =>
  new Promise<{ code: number; printed: string }>((resolve) => {
    const command = ['--disable-warning=ExperimentalWarning', path.join(root, 'src/main.ts'), ...args];
    const settings = { PATH: process.env.PATH, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE, ...env };
    const child = execFile(process.execPath, command, { env: settings }, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, printed: stdout + stderr }),
    );
  });
const file = (name: string, content: string) => {
  const written = path.join(temporaryFolder(), name);
  writeFileSync(written, content);
  return written;
};

describe('what others wrote cannot take over the terminal', { timeout: 60_000 }, () => {
  it.each<[what: string, said: RegExp, args: () => string[], env?: Record<string, string>]>([
    ['an unknown command', /unknown command/, () => [`${hostile}x`]],
    ['an unknown option', /unknown option/, () => ['status', `--${hostile}`]],
    ["an option's value", /invalid|allowed/, () => ['export', 'events', '--from', hostile]],
    ['the name of a file that is not there', /cannot be read/, () => ['import', `${hostile}\n.json`]],
    ['a file that is no JSON', /is not JSON/, () => ['import', file('x.json', `{"flags": ${hostile}}`)]],
    [
      'a flag definition that is wrong',
      /nothing was imported/,
      () => ['import', file('x.json', JSON.stringify({ flags: { [hostile]: { state: hostile, variants: {} } } }))],
    ],
    ['a flag that is not there', /no flag|not found|unknown flag/i, () => ['schedules', '--flag', hostile]],
    ['a setting', /LOG_LEVEL is/, () => ['status'], { LOG_LEVEL: hostile }],
  ])('%s', async (_what, said, args, env) => {
    const { code, printed } = await run(args(), { DATA_DIR: await dataDirectory(), ...env });
    expect(printed).toMatch(said);
    expect(control.exec(printed)?.index).toBe(undefined);
    expect(code).toBe(1);
  });

  describe('on the stdout of a service', () => {
    let service: Awaited<ReturnType<typeof startServe>> & { dataDir: string };
    const authorization = () => `Bearer ${/^[\w-]+\.[\w-]+\.[\w-]+$/m.exec(service.stderr())?.[0]}`;
    beforeAll(async () => {
      const dataDir = await dataDirectory();
      service = { ...(await startServe({ DATA_DIR: dataDir })), dataDir };
      await service.untilReady({ timeoutMs: 60_000 });
    });

    it.each([[[]], [['--json']]])("a schedule's reason, which a command shows (%j)", async (options) => {
      const key = `reason${options.length}`;
      const gql = async (query: string, variables: object) => {
        const body = JSON.stringify({ query, variables });
        const headers = { 'content-type': 'application/json', authorization: authorization() };
        return (await fetch(`${service.url}/graphql`, { method: 'POST', headers, body })).json();
      };
      await gql('mutation ($k: String!) { createFlag(input: { key: $k, name: "F" }) { __typename } }', { k: key });
      const { data } = (await gql(
        'mutation ($k: String!, $at: DateTime!) { createSchedule(input: { flagKey: $k, scheduledAt: $at, updates: { enabled: true } }) { ... on Schedule { id } } }',
        { k: key, at: new Date(Date.now() + 3_600_000) },
      )) as { data: { createSchedule: { id: string } } };
      await gql('mutation ($id: ID!, $reason: String) { cancelSchedule(input: { id: $id, reason: $reason }) { __typename } }', {
        id: data.createSchedule.id,
        reason: hostile,
      });
      const settings = { DATA_DIR: service.dataDir, PORT: new URL(service.url).port };
      const { code, printed } = await run(['schedules', '--flag', key, ...options], settings);
      expect(printed).toContain('evil');
      expect(control.exec(printed)?.index).toBe(undefined);
      expect(code).toBe(0);
      if (options.length > 0) expect(JSON.parse(printed).schedules[0].cancelReason).toBe(hostile);
    });

    it('an event and a log line, which say the same all the same', async () => {
      const query = 'mutation ($name: String!) { createFlag(input: { key: "f", name: $name }) { __typename } }';
      await fetch(`${service.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: authorization() },
        body: JSON.stringify({ query, variables: { name: hostile } }),
      });
      const origin = 'https://\u009b31m.example';
      await rawUpgrade(service.url, { origin });
      const entries = () =>
        service
          .stdout()
          .split('\n')
          .slice(0, -1)
          .map((line) => JSON.parse(line));
      await expect
        .poll(entries, { timeout: 20_000 })
        .toContainEqual(expect.objectContaining({ newState: expect.objectContaining({ name: hostile }) }));
      expect(entries()).toContainEqual(expect.objectContaining({ origin }));
      expect(control.exec(service.stdout())?.index).toBe(undefined);
    });
  });

  it('what the demo shows', () => {
    const stdout = new PassThrough({ encoding: 'utf8' });
    makeDisplay(Object.assign(stdout, { isTTY: false }) as unknown as NodeJS.WriteStream).say(hostile);
    const shown = String(stdout.read());
    expect(shown).toContain('evil');
    expect(control.exec(shown)?.index).toBe(undefined);
  });
});
