import { generateKeyPairSync } from 'node:crypto';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isLoopback } from '../kernel/loopback.ts';
import { ConfigError, readConfig } from './config.ts';
import { settings } from './settings.ts';

const secret = 'a secret that has at least 32 bytes';
const realAuth = { AUTH_SECRET: secret, AUTH_ISSUER: 'https://id.example', AUTH_AUDIENCE: 'flagtrail' };
const signingKey = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const production = {
  NODE_ENV: 'production',
  DATABASE_URL: 'postgres://user:pw@db.example/flagtrail',
  LOG_SIGNING_KEY: signingKey,
  ...realAuth,
};
const publicPem = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'pem' }).toString();

/** Any UTF-16 units, lone surrogates too. */
const anyText = fc.array(fc.nat(0xffff)).map((units) => String.fromCharCode(...units));

const refusalOf = (variables: Record<string, string>, needs?: Parameters<typeof readConfig>[1]): string => {
  try {
    readConfig(variables, needs);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).message;
  }
  throw new Error('nothing was refused');
};

describe('with nothing set', () => {
  it('is development mode on this machine alone, with every part of the service and the development key', () => {
    expect(readConfig({})).toMatchObject({
      mode: 'development',
      host: '127.0.0.1',
      port: 4000,
      http: true,
      roles: ['api', 'worker', 'audit'],
      databaseUrl: null,
      dataDir: './data',
      auth: { keys: { kind: 'development' }, issuer: 'flagtrail-development', audience: 'flagtrail-development' },
      groups: { admin: ['admin'], auditor: ['auditor'], auditWriter: ['audit-writer'] },
      signedInPage: true,
      graphiql: true,
      introspection: true,
      defaultEnvironment: 'production',
      scheduleCron: '* * * * * *',
      logSigningKey: { kind: 'development' },
      cloudWatch: null,
    });
  });

  it('takes an empty string for not set', () => {
    expect(readConfig(Object.fromEntries(settings.map(({ name }) => [name, ''])))).toEqual(readConfig({}));
  });

  it('cannot be changed afterwards, at any depth', () => {
    const config = readConfig({});
    expect([config, config.roles, config.groups.admin, config.auth?.keys].every(Object.isFrozen)).toBe(true);
  });
});

describe('a value', () => {
  it.each([
    ['PORT', '65536', 'a whole number from 0 to 65535'],
    ['PORT', '4e3', 'a whole number from 0 to 65535'],
    ['HOST', 'http://localhost', 'an IP address or a host name'],
    ['NODE_ENV', 'Production', 'development, test or production'],
    ['LOG_LEVEL', 'verbose', 'trace, debug, info, warn, error, fatal or silent'],
    ['ROLES', 'api,sequencer', 'any of api, worker, audit'],
    ['ROLES', ',', 'any of api, worker, audit'],
    ['AUDIT_READS', 'viewed,changed', 'any of viewed, exported'],
    ['SCHEDULE_CRON', 'every second', 'a cron expression'],
    ['ALLOWED_ORIGINS', 'https://admin.example.com/path', 'origins like https://admin.example.com'],
    ['ALLOWED_ORIGINS', '*', 'origins like https://admin.example.com'],
    ['DEFAULT_ENVIRONMENT', 'a b', 'letters, digits, _ and -'],
    ['AUTH_JWKS_URL', 'http://id.example/jwks', 'an https URL'],
    ['AUTH_ADMIN_GROUPS', ' , ', 'group names, separated by commas'],
    ['CLOUDWATCH_LOG_GROUP', 'a group', 'letters, digits and . - _ / #'],
    ['CLOUDWATCH_LOG_STREAM', 'a:b', 'any text without : and *'],
    ['GRAPHIQL', 'yes', 'true or false'],
    ['MAX_SPOOL_MB', '0', 'a whole number from 1'],
  ])('that is none stops the start: %s=%s', (name, value, allowed) => {
    expect(refusalOf({ [name]: value })).toContain(`${name} is ${JSON.stringify(value)}; allowed: ${allowed}`);
  });

  it.each([
    ['DATABASE_URL', 'mysql://user:hunter2@db.example/x'],
    ['AUTH_SECRET', 'hunter2'],
    ['AUTH_PUBLIC_KEY', '{"kty":"oct","k":"hunter2"}'],
    ['AUTH_JWKS_URL', 'https://user:hunter2@id.example/jwks'],
    ['LOG_SIGNING_KEY', '-----BEGIN PRIVATE KEY-----hunter2'],
    ['LOG_SIGNING_KEY', 'MC4CAQAwBQYDK2VwBCIEIhunter2'],
  ])('that is secret is not shown: %s', (name, value) => {
    expect(refusalOf({ [name]: value })).toMatch(new RegExp(`^${name} .*allowed: `));
    expect(refusalOf({ [name]: value })).not.toContain('hunter2');
  });

  it('is refused on one line, together with every other', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const message = refusalOf({ PORT: `x${text}`, LOG_LEVEL: `x${text}` });
        expect(message).toMatch(/^PORT is .*; LOG_LEVEL is .*$/);
        expect(message.length).toBeLessThan(5_000);
      }),
      { numRuns: 40, examples: [['\n\u2028\u2029\u0085\u009b']] },
    );
  });

  it('is cut where it is long', () => {
    expect(refusalOf({ PORT: '9'.repeat(10_000) })).toContain(`"${'9'.repeat(200)}…"; allowed`);
  });

  it('is taken in the form that the rest of the service compares', () => {
    const config = readConfig({
      ...production,
      PORT: '0',
      ROLES: ' worker , api,worker',
      ALLOWED_ORIGINS: 'https://Admin.Example.com:443/, http://localhost:3000',
      AUTH_ADMIN_GROUPS: 'platform team, ops',
      CLOUDWATCH_LOG_GROUP: '/flagtrail/audit',
      MAX_SPOOL_MB: '2',
    });
    expect(config).toMatchObject({
      port: 0,
      roles: ['worker', 'api'],
      allowedOrigins: ['https://admin.example.com', 'http://localhost:3000'],
      groups: { admin: ['platform team', 'ops'] },
      cloudWatch: { group: '/flagtrail/audit', stream: 'flagtrail' },
      maxSpoolBytes: 2 * 1024 * 1024,
    });
  });

  it('of a stream needs its group', () => {
    expect(refusalOf({ CLOUDWATCH_LOG_STREAM: 'x' })).toBe('CLOUDWATCH_LOG_STREAM is set without CLOUDWATCH_LOG_GROUP');
  });
});

describe('authentication', () => {
  it('is real where a key is given, and then no page carries a token', () => {
    const { auth, signedInPage } = readConfig({ AUTH_JWKS_URL: 'https://id.example/jwks' });
    expect(auth).toEqual({ keys: { kind: 'jwks', url: new URL('https://id.example/jwks') }, issuer: null, audience: null });
    expect(signedInPage).toBe(false);
  });

  it('takes a public key as PEM, also with \\n for line breaks', () => {
    for (const pem of [publicPem, publicPem.replaceAll('\n', '\\n')]) {
      expect(readConfig({ AUTH_PUBLIC_KEY: pem }).auth?.keys).toMatchObject({ kind: 'publicKey', algorithms: ['ES256'] });
    }
  });

  it('takes key sets over plain http from this machine alone', () => {
    expect(readConfig({ AUTH_JWKS_URL: 'http://127.0.0.1:3000/jwks' }).auth?.keys.kind).toBe('jwks');
    expect(readConfig({ AUTH_JWKS_URL: 'http://[::1]:3000/jwks' }).auth?.keys.kind).toBe('jwks');
  });

  it('counts the bytes of a secret, not its characters', () => {
    expect(readConfig({ AUTH_SECRET: 'é'.repeat(16) }).auth?.keys.kind).toBe('secret');
    expect(refusalOf({ AUTH_SECRET: 'e'.repeat(31) })).toContain('at least 32 bytes');
  });

  it('does not show its secret where the settings are printed', () => {
    const shown = `${inspect(readConfig(production), { depth: 9 })}${JSON.stringify(readConfig(production))}`;
    expect(shown).not.toContain(secret);
    expect(shown).not.toContain(signingKey.split('\n')[1]);
  });

  it('has one source of keys', () => {
    expect(refusalOf({ ...realAuth, AUTH_PUBLIC_KEY: publicPem })).toMatch(
      /^AUTH_PUBLIC_KEY and AUTH_SECRET are set; exactly one/,
    );
  });

  it.each(['AUTH_ISSUER', 'AUTH_ADMIN_GROUPS', 'AUTH_JWKS_URI'])('has no development key where %s is set', (name) => {
    expect(refusalOf({ [name]: 'x' })).toContain(`${name} is set, so there is no development key`);
    expect(readConfig({ [name]: 'x', ROLES: 'worker' })).toMatchObject({ auth: null, signedInPage: false });
  });

  it('puts a token into the page only where no other machine can fetch it', () => {
    expect(readConfig({ HOST: '0.0.0.0' })).toMatchObject({ auth: { keys: { kind: 'development' } }, signedInPage: false });
    expect(readConfig({ HOST: '::1' }).signedInPage).toBe(true);
    expect(['localhost', '127.8.9.1', '::1', '[::1]'].every(isLoopback)).toBe(true);
    expect(['127.example.com', '0.0.0.0', '::', '128.0.0.1', 'localhost.example'].some(isLoopback)).toBe(false);
  });
});

describe('production mode', () => {
  it('starts with a database and real authentication, without GraphiQL and introspection', () => {
    expect(readConfig(production)).toMatchObject({
      mode: 'production',
      graphiql: false,
      introspection: false,
      signedInPage: false,
    });
    expect(readConfig({ ...production, GRAPHIQL: 'true', INTROSPECTION: 'true' })).toMatchObject({
      graphiql: true,
      introspection: true,
    });
  });

  it.each(['DATABASE_URL', 'AUTH_SECRET'])('refuses to start without %s', (name) => {
    expect(refusalOf({ ...production, [name]: '' })).toContain(name);
  });

  it.each(['AUTH_ISSUER', 'AUTH_AUDIENCE'])("refuses to start without %s, where the keys are a provider's", (name) => {
    const withProvider = { ...production, AUTH_SECRET: '', AUTH_JWKS_URL: 'https://id.example/jwks' };
    expect(readConfig(withProvider).auth?.keys.kind).toBe('jwks');
    expect(refusalOf({ ...withProvider, [name]: '' })).toContain(name);
    expect(readConfig({ ...production, [name]: '' }).auth?.keys.kind).toBe('secret');
  });

  it('needs a key to sign the log with where it has the role audit, and says how to make one', () => {
    const refusal = refusalOf({ ...production, LOG_SIGNING_KEY: '', ROLES: 'audit' });
    expect(refusal).toMatch(/^LOG_SIGNING_KEY is not set; .* the role audit/);
    expect(refusal).toContain('openssl genpkey -algorithm ed25519');
    expect(refusal).toContain('flagtrail log new-key');
    expect(readConfig({ ...production, LOG_SIGNING_KEY: '', ROLES: 'api,worker' }).logSigningKey).toBeNull();
    expect(readConfig({ ...production, LOG_SIGNING_KEY: '/run/log.key' }).logSigningKey).toEqual({
      kind: 'file',
      path: '/run/log.key',
    });
  });

  it('refuses a key of another type to sign the log with, and says which type', () => {
    expect(refusalOf({ ...production, LOG_SIGNING_KEY: publicPem })).toContain('it is not a private key');
  });

  it('needs no authentication where it has no api, and still has no development key', () => {
    const { AUTH_SECRET: _, ...rest } = production;
    expect(readConfig({ ...rest, ROLES: 'worker,audit' }).auth).toBeNull();
    expect(readConfig(rest, { roles: [] }).auth).toBeNull();
    expect(readConfig({ NODE_ENV: 'production', DATABASE_URL: production.DATABASE_URL }, { roles: ['worker'] }).auth).toBeNull();
  });

  it('needs no database for a command that opens none', () => {
    const needs = { roles: [], database: false, authentication: true };
    expect(readConfig({ NODE_ENV: 'production', ...realAuth }, needs).auth?.keys.kind).toBe('secret');
  });

  it('needs authentication for a command that says so, though it runs no API', () => {
    const needs = { roles: [], database: false, authentication: true };
    expect(refusalOf({ NODE_ENV: 'production' }, needs)).toContain('production mode needs real authentication');
  });
});

describe('a process listens', () => {
  it.each([
    ['with the API', {}, {}, true],
    ['without the API where somebody chose a port', { PORT: '0' }, { roles: ['worker'] }, true],
    ['not without either', {}, { roles: ['worker'] }, false],
    ['not where the port is empty text', { PORT: '', ROLES: 'worker,audit' }, {}, false],
  ] as const)('%s', (_when, variables, needs, listens) => {
    expect(readConfig(variables, needs).http).toBe(listens);
  });
});

describe('the table of settings', () => {
  it('describes every one, and its defaults are what is taken', () => {
    const defaults = Object.fromEntries(
      settings.filter((setting) => setting.default).map((setting) => [setting.name, setting.default]),
    );
    const { AUTH_ADMIN_GROUPS, AUTH_AUDITOR_GROUPS, AUTH_WRITER_GROUPS, ...rest } = defaults as Record<string, string>;
    expect(readConfig(rest)).toEqual(readConfig({}));
    expect(readConfig({ ...realAuth, AUTH_ADMIN_GROUPS, AUTH_AUDITOR_GROUPS, AUTH_WRITER_GROUPS })).toEqual(readConfig(realAuth));
    expect(settings.every(({ allowed, purpose }) => allowed !== '' && purpose !== '')).toBe(true);
  });
});
