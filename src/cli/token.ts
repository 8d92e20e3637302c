import { type Command, InvalidArgumentError, Option } from 'commander';
import { mintToken } from '../access/jwt/mint-token.ts';
import { openSigningKey } from '../access/jwt/open-keys.ts';
import type { Config, Needs } from '../config/config.ts';
import type { Clock } from '../kernel/clock.ts';

type Deps = {
  /** Reads the settings. Throws a ConfigError. */
  readConfig: (needs: Needs) => Config;
  clock: Clock;
  write: (text: string) => void;
};
type Options = { sub?: string; email?: string; name?: string; groups?: string[]; expires: number };

const help = `
It signs the token with AUTH_SECRET or, in development mode, with the development key in DATA_DIR. If tokens come from an identity
provider (AUTH_JWKS_URL, AUTH_PUBLIC_KEY), only the provider can issue them. It prints only the token.

Examples:
  flagtrail token
  flagtrail token --sub alice --email alice@example.com --groups admin --expires 8h
  curl -H "authorization: Bearer $(flagtrail token)" -H 'content-type: application/json' \\
    -d '{"query":"{ viewer { roles } }"}' http://127.0.0.1:4000/graphql`;

/** Adds `flagtrail token`, which prints a bearer token on standard output, and nothing else. */
export const addTokenCommand = (program: Command, { readConfig, clock, write }: Deps): void => {
  const expires = new Option('--expires <duration>', 'lifetime, from 1s to 3650d, with a unit of s, m, h or d')
    .default(3_600_000, '1h')
    .argParser(parseDuration);
  const command = program.command('token').description('print a bearer token to call the API with').addHelpText('after', help);
  command
    .option('--sub <id>', 'the user id; needed with AUTH_SECRET, default with the development key: developer', parseSubject)
    .option('--email <address>', "the user's email")
    .option('--name <name>', "the user's name")
    .option(
      '--groups <list>',
      'groups that give roles, separated by commas; default with the development key: an admin group',
      parseGroups,
    )
    .addOption(expires)
    .action(async ({ sub, email, name, groups, expires: lifetimeMs }: Options) => {
      const { auth, groups: roleGroups, dataDir } = readConfig({ roles: [], database: false, authentication: true });
      const secret = auth && (await openSigningKey(auth.keys, { dataDir }));
      if (!secret) {
        return command.error(
          'error: tokens come from the identity provider; this command needs the development key or AUTH_SECRET',
        );
      }
      const development = auth.keys.kind === 'development';
      const subject = sub ?? (development ? 'developer' : null);
      if (subject === null) return command.error('error: with AUTH_SECRET, --sub must name the user of the token');
      const token = await mintToken({
        secret,
        issuer: auth.issuer,
        audience: auth.audience,
        subject,
        email,
        name,
        groups: groups ?? (development ? roleGroups.admin.slice(0, 1) : []),
        lifetimeMs,
        now: clock.now(),
      });
      write(`${token}\n`);
    });
};

const parseSubject = (text: string): string => {
  if (text === '' || [...text].length > 255) throw new InvalidArgumentError('allowed: 1 to 255 characters');
  return text;
};

const parseGroups = (list: string): string[] =>
  list
    .split(',')
    .map((group) => group.trim())
    .filter((group) => group !== '');

const unitsMs: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const maxLifetimeMs = 3650 * 86_400_000;

/** Returns milliseconds. */
const parseDuration = (text: string): number => {
  const [, count, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const lifetimeMs = Number(count) * (unitsMs[unit ?? ''] ?? Number.NaN);
  if (!(lifetimeMs > 0 && lifetimeMs <= maxLifetimeMs)) {
    throw new InvalidArgumentError('allowed: from 1s to 3650d, like 90s, 30m, 1h, 7d');
  }
  return lifetimeMs;
};
