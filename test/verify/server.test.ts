import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { aLogin } from '../support/attacked-log.ts';
import { aBundledEvent, type BundledEvent, filesOfLog, pathOf } from '../support/bundle-writer.ts';
import { startLogServer } from '../support/log-server.ts';
import { leafOf, makeLogSigner, rootOf } from '../support/log-signer.ts';
import { temporaryFolder } from '../support/service.ts';
import { runVerify, startVerify } from '../support/verify-command.ts';

const signer = makeLogSigner('flagtrail/01900000-0000-4000-8000-000000000002');
const events = Array.from({ length: 900 }, (_, n) => aBundledEvent(n + 1, aLogin(n)));
const filesOf = (size: number, of: readonly BundledEvent[] = events) => filesOfLog(of.slice(0, size), signer);
const edited = events.map((event, n) => (n === 99 ? aBundledEvent(100, aLogin(5000)) : event));
const key = ['--key', signer.line];
const noteOf = (files: ReadonlyMap<string, Buffer>) => files.get('checkpoint')?.toString() ?? '';

const pinFile = (note: string): string => {
  const file = path.join(temporaryFolder(), 'pin.note');
  writeFileSync(file, note);
  return file;
};

describe('flagtrail verify --url', () => {
  it('verifies what a server serves', async () => {
    const server = await startLogServer(filesOf(700));
    const { out, err, exitCode } = await runVerify(['--url', server.url, ...key]);
    expect(out).toMatch(/^GOOD: 700 events, all of them signed; root \S{44}\n$/);
    expect(err).toMatch(/entries +700/);
    expect(exitCode).toBe(0);
    expect(server.asked.filter((name) => name.startsWith('tile/entries'))).toHaveLength(3);
  });

  it('is quiet on a terminal that is none, and shows a bar on one that is', async () => {
    const server = await startLogServer(filesOf(300));
    const [piped, shown] = [
      await runVerify(['--url', server.url, ...key]),
      await runVerify(['--url', server.url, ...key], { tty: true }),
    ];
    expect(piped.err).not.toContain('%');
    expect(shown.err).toContain('100 %');
  });

  it('gives its token, from the option or from FLAGTRAIL_TOKEN', async () => {
    const server = await startLogServer(filesOf(10), { token: 'secret' });
    const codes = [
      await runVerify(['--url', server.url, ...key, '--token', 'secret']),
      await runVerify(['--url', server.url, ...key], { token: 'secret' }),
      await runVerify(['--url', server.url, ...key]),
    ];
    expect(codes.map(({ exitCode }) => exitCode)).toEqual([0, 0, 2]);
    expect(codes[2]?.out).toContain('answers 401: give the token of an auditor');
  });

  it('verifies a public log without its disclosures, and says so', async () => {
    const files = new Map([...filesOf(10)].filter(([name]) => !name.startsWith('disclosures')));
    const { out, err, exitCode } = await runVerify(['--url', (await startLogServer(files)).url, ...key]);
    expect([out.slice(0, 5), exitCode]).toEqual(['GOOD:', 0]);
    expect(err).toContain('WARNING: The disclosures of 10 events are not given');
  });

  it('finds that the server forgot what a pin holds', async () => {
    const server = await startLogServer(filesOf(700, edited));
    const { out, exitCode } = await runVerify(['--url', server.url, ...key, '--pin', pinFile(noteOf(filesOf(300)))]);
    expect(out).toMatch(
      /^TAMPERED at positions 1 to 300 \(root\): Your pin '.*pin.note' of size 300 was signed for other entries/,
    );
    expect(exitCode).toBe(1);
  });

  it('takes a file with several checkpoints as pins, as an anchor writes it', async () => {
    const server = await startLogServer(filesOf(700));
    const file = pinFile([100, 300, 700].map((size) => noteOf(filesOf(size))).join(''));
    const { out, exitCode } = await runVerify(['--url', server.url, ...key, '--pin', file, '--json']);
    expect(JSON.parse(out)).toMatchObject({ outcome: 'good', checked: { pins: 3 } });
    expect(exitCode).toBe(0);
  });

  it('could not check where the server gives no entries, and the log does not say that they were pruned', async () => {
    const files = filesOf(700);
    files.delete(pathOf('tile/entries', 1));
    const { out, exitCode } = await runVerify(['--url', (await startLogServer(files)).url, ...key]);
    expect(out).toContain('COULD NOT CHECK: the server does not give the entries at positions 257 to 512');
    expect(exitCode).toBe(2);
  });

  it('could not check where the server sends more than such a file can have', async () => {
    const files = filesOf(300);
    files.set(pathOf('tile/0', 0), Buffer.alloc(9000));
    const { out, exitCode } = await runVerify(['--url', (await startLogServer(files)).url, ...key]);
    expect(out).toMatch(/^COULD NOT CHECK: .*tile\/0\/000 sends more than 8192 bytes/);
    expect(exitCode).toBe(2);
  });

  it('could not check where nobody answers', async () => {
    const { out, exitCode } = await runVerify(['--url', 'http://127.0.0.1:1', ...key]);
    expect(out).toMatch(/^COULD NOT CHECK: http:\/\/127\.0\.0\.1:1\/log\/checkpoint does not answer: /);
    expect(exitCode).toBe(2);
  });

  it.each([
    ['two sources', ['--url', 'http://localhost', '--bundle', 'folder'], /cannot be given together/],
    ['--follow without --url', ['--follow'], /--follow needs --url/],
    ['--state without --follow', ['--url', 'http://localhost', '--state', 'x'], /--state needs --follow/],
    ['a pin that is not there', ['--url', 'http://localhost', '--pin', '/nowhere'], /the pin '\/nowhere' cannot be read/],
    ['a proof that is none', ['--proof', '/dev/null'], /the proof is not JSON/],
    ['a key that is none', ['--url', 'http://127.0.0.1:1', '--key', 'abc'], /'abc' is no verifier line/],
  ])('could not check with %s', async (_what, args, says) => {
    const { out, exitCode } = await runVerify(args);
    expect(out).toMatch(says);
    expect(exitCode).toBe(2);
  });

  it.each([
    ['an unknown option', ['--nonsense']],
    ['a URL that is none', ['--url', 'nowhere']],
  ])('says "could not check" and not "tampered" to %s', async (_what, args) => {
    expect((await runVerify(args)).exitCode).toBe(2);
  });
});

describe('flagtrail verify --follow', () => {
  const start = async (size: number, extra: readonly string[] = []) => {
    const server = await startLogServer(filesOf(size));
    const state = path.join(temporaryFolder(), 'watch.json');
    const args = ['--url', server.url, ...key, '--follow', '--every', '0.1', '--state', state, ...extra];
    return { server, state, args };
  };

  it('verifies what is there, then only what is added, and cries out at the first inconsistency', async () => {
    const { server, args } = await start(300);
    const watch = startVerify(args);
    await expect.poll(watch.out).toContain('good: 300 events, 300 of them new\n');
    server.asked.length = 0;
    server.files = filesOf(600);
    await expect.poll(watch.out).toContain('good: 600 events, 300 of them new\n');
    expect(server.asked).not.toContain(pathOf('tile/entries', 0));
    server.files = filesOf(700, edited);
    const { out, exitCode } = await watch.done;
    expect(out).toMatch(
      /TAMPERED at positions 1 to 300 \(root\): Your pin 'seen before \(1 of 2\)' of size 300 was signed for other entries/,
    );
    expect(exitCode).toBe(1);
  });

  it('goes on in another process from what the first one kept', async () => {
    const { server, args, state } = await start(600);
    const first = startVerify(args);
    await expect.poll(first.out).toContain('good: 600 events');
    first.interrupt();
    expect(await first.done).toMatchObject({ exitCode: 130, out: expect.stringContaining('COULD NOT CHECK: interrupted') });
    server.asked.length = 0;
    server.files = filesOf(900);
    const second = startVerify(args);
    await expect.poll(second.out).toContain('good: 900 events, 300 of them new\n');
    expect(server.asked).not.toContain(pathOf('tile/entries', 0));
    expect(JSON.parse(readFileSync(state, 'utf8')).checkpoints).toEqual([noteOf(filesOf(600)), noteOf(filesOf(900))]);
    second.interrupt();
    await second.done;
  });

  it('finds what was changed between two processes', async () => {
    const { server, args } = await start(600);
    const first = startVerify(args);
    await expect.poll(first.out).toContain('good: 600 events');
    first.interrupt();
    await first.done;
    server.files = filesOf(650, edited);
    expect(await runVerify(args)).toMatchObject({ exitCode: 1, out: expect.stringContaining('TAMPERED at positions 1 to 600') });
  });

  it('finds a second checkpoint of the same size', async () => {
    const { server, args } = await start(300);
    const watch = startVerify(args);
    await expect.poll(watch.out).toContain('good: 300 events');
    server.files = filesOf(300, edited);
    const { out, exitCode } = await watch.done;
    expect(out).toMatch(/TAMPERED.*\((fork|root)\)/);
    expect(exitCode).toBe(1);
  });

  it('waits where an older checkpoint comes once, and finds that the log was rolled back where it stays', async () => {
    const { server, args } = await start(600);
    const watch = startVerify(args);
    await expect.poll(watch.out).toContain('good: 600 events');
    server.files = filesOf(500);
    const { out, exitCode } = await watch.done;
    expect(out).toContain('TAMPERED at positions 501 to 600 (rollback)');
    expect(exitCode).toBe(1);
  });

  it('finds that the log was rolled back to a checkpoint that it has seen', async () => {
    const { server, args } = await start(300);
    const watch = startVerify(args);
    await expect.poll(watch.out).toContain('good: 300 events');
    server.files = filesOf(600);
    await expect.poll(watch.out).toContain('good: 600 events');
    server.files = filesOf(300);
    await expect.poll(watch.err).toContain('the server gives its checkpoint of size 300 again, after one of size 600');
    const { out, exitCode } = await watch.done;
    expect(out).toContain('TAMPERED at positions 301 to 600 (rollback)');
    expect(exitCode).toBe(1);
  });

  it('calls a network that fails no tampering: it says so and tries again', async () => {
    const { server, args } = await start(300);
    server.answer = 503;
    const watch = startVerify(args);
    await expect.poll(watch.err).toContain('answers 503; trying again in');
    server.answer = null;
    await expect.poll(watch.out).toContain('good: 300 events');
    watch.interrupt();
    await watch.done;
  });

  it('could not check with a file that somebody damaged', async () => {
    const { args, state } = await start(300);
    writeFileSync(state, '{}');
    expect(await runVerify(args)).toMatchObject({ exitCode: 2, out: expect.stringContaining('delete it to start anew') });
    const other = { size: 1, edge: [rootOf([leafOf('x')]).toString('base64')], tiles: [[]] };
    const watch = startVerify([...args.slice(0, -1), `${state}.2`]);
    await expect.poll(watch.out).toContain('good: 300 events');
    watch.interrupt();
    await watch.done;
    const kept = JSON.parse(readFileSync(`${state}.2`, 'utf8'));
    writeFileSync(state, JSON.stringify({ ...kept, verification: { ...kept.verification, tree: other } }));
    expect(await runVerify(args)).toMatchObject({
      exitCode: 2,
      out: expect.stringContaining('its tree is not that of its last checkpoint'),
    });
  });
});
