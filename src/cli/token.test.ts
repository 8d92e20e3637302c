import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeAuthenticate } from '../access/jwt/authenticate.ts';
import { openVerificationKeys } from '../access/jwt/open-keys.ts';
import { type Needs, readConfig } from '../config/config.ts';
import { addTokenCommand } from './token.ts';

const now = new Date('2026-01-01T00:00:00Z');
const clock = { now: () => now };
const realAuth = { AUTH_SECRET: 'a secret that has at least 32 bytes', AUTH_ISSUER: 'i', AUTH_AUDIENCE: 'a' };

let dataDir = '';
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'flagtrail-token-'));
});
afterEach(() => rm(dataDir, { recursive: true }));

/** Runs the command, and gives back what it wrote. */
const run = async (variables: Record<string, string>, ...options: string[]) => {
  const written = { out: '', err: '', exitCode: 0 };
  const writeTo = (stream: 'out' | 'err') => (text: string) => {
    written[stream] += text;
  };
  const program = new Command().exitOverride().configureOutput({ writeErr: writeTo('err'), writeOut: writeTo('out') });
  const read = (needs: Needs) => readConfig({ DATA_DIR: dataDir, ...variables }, needs);
  addTokenCommand(program, { readConfig: read, clock, write: writeTo('out') });
  await program.parseAsync(['token', ...options], { from: 'user' }).catch((error) => {
    written.exitCode = error.exitCode;
  });
  return written;
};
const identityOf = async (token: string, variables: Record<string, string> = {}) => {
  const { auth, groups } = readConfig({ DATA_DIR: dataDir, ...variables });
  if (!auth) throw new Error('no authentication');
  const logger = { warn: () => {} };
  const keys = await openVerificationKeys(auth.keys, { dataDir, clock, logger });
  return makeAuthenticate({ keys, issuer: auth.issuer, audience: auth.audience, groups, clock, logger })(token);
};

describe('flagtrail token', () => {
  it('prints an admin token of the development key, and nothing else', async () => {
    const { out, err } = await run({});
    expect(out).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    expect(err).toBe('');
    expect(await identityOf(out.trim())).toMatchObject({
      userId: 'developer',
      roles: ['ADMIN'],
      expiresAt: new Date(now.getTime() + 3_600_000),
    });
  });

  it('says of whom the token is, what groups, and for how long', async () => {
    const options = [
      '--sub',
      'bob',
      '--email',
      'b@example.com',
      '--name',
      'Bob',
      '--groups',
      'auditor, audit-writer',
      '--expires',
      '30d',
    ];
    const { out } = await run({}, ...options);
    expect(await identityOf(out.trim())).toMatchObject({
      actor: { id: 'bob', name: 'Bob', email: 'b@example.com' },
      roles: ['AUDITOR', 'AUDIT_WRITER'],
      expiresAt: new Date(now.getTime() + 30 * 86_400_000),
    });
  });

  it('signs with AUTH_SECRET where that is given, for a subject that is named, and with no group by itself', async () => {
    expect(await run(realAuth)).toMatchObject({ out: '', err: expect.stringContaining('--sub'), exitCode: 1 });
    const { out } = await run(realAuth, '--sub', 'alice');
    expect(await identityOf(out.trim(), realAuth)).toMatchObject({ userId: 'alice', roles: [] });
    await expect(identityOf(out.trim())).rejects.toThrow();
  });

  it('says in one line that an identity provider gives the tokens, where one does', async () => {
    const written = await run({ AUTH_JWKS_URL: 'https://id.example/jwks' }, '--sub', 'alice');
    expect(written).toMatchObject({ out: '', exitCode: 1 });
    expect(written.err).toMatch(/^error: tokens come from the identity provider.*\n$/);
  });

  it.each(['0s', '1', 'soon', '1.5h', '3651d', '-1h', ''])('refuses a lifetime of %j', async (lifetime) => {
    const { out, err, exitCode } = await run({}, `--expires=${lifetime}`);
    expect({ out, exitCode }).toEqual({ out: '', exitCode: 1 });
    expect(err).toContain('allowed: from 1s to 3650d');
  });

  it.each(['', 's'.repeat(256)])('refuses a subject that authentication would refuse', async (subject) => {
    expect(await run({}, `--sub=${subject}`)).toMatchObject({ out: '', exitCode: 1, err: expect.stringContaining('1 to 255') });
  });
});
