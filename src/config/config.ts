import type { BlockList } from 'node:net';
import { developmentIssuer, type KeySource, type RoleGroups } from '../access/jwt/key-source.ts';
import type { AuditableRead } from '../flags/model/flag-reads.ts';
import { isLoopback } from '../kernel/loopback.ts';
import type { ProcessRole } from '../service/model/service-process.ts';
import { type Environment, environmentSchema, type SettingName, settings } from './settings.ts';

/** Why the service does not start: one line that names the variable, its value (never a secret), and what is allowed. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** How tokens are judged. A null issuer or audience is not checked (development mode only). */
type AuthConfig = Readonly<{ keys: KeySource; issuer: string | null; audience: string | null }>;

/** Everything that can be set, checked. `settings` describes each variable. */
export type Config = Readonly<{
  mode: 'development' | 'production';
  host: string;
  /** 0: any free port. */
  port: number;
  /** Whether this process listens there: with the API, or because somebody chose the port, for readiness and metrics. */
  http: boolean;
  roles: readonly ProcessRole[];
  /** Null: the embedded database in `dataDir`. Holds a password. */
  databaseUrl: string | null;
  databaseConnections: number;
  dataDir: string;
  maxSpoolBytes: number;
  logLevel: Environment['LOG_LEVEL'];
  /** Null: this process cannot authenticate anybody; it has no `api` role. */
  auth: AuthConfig | null;
  groups: RoleGroups;
  allowedOrigins: readonly string[];
  /** Null: no proxy is believed. */
  trustedProxies: BlockList | null;
  /** What one caller may change. */
  mutationRate: Readonly<{ perSecond: number; burst: number }>;
  graphiql: boolean;
  introspection: boolean;
  /** Whether the GraphiQL page carries a token: with the development key, and only where no other machine can fetch it. */
  signedInPage: boolean;
  defaultEnvironment: string;
  /** The reads that are recorded. */
  auditReads: readonly AuditableRead[];
  scheduleCron: string;
  cloudWatch: Readonly<{ group: string; stream: string }> | null;
}>;

type Variables = Readonly<Record<string, string | undefined>>;
/** What a command needs of the settings; each states its own. */
export type Needs = {
  /** What the process runs; absent: what ROLES says. A command that does its work and ends runs nothing: []. */
  roles?: readonly ProcessRole[];
  /** Whether it opens the database; true where absent. */
  database?: boolean;
  /** Whether it must know by what tokens are judged; where absent, if it runs the API. */
  authentication?: boolean;
};

/** Reads the environment; an empty string counts as not set. Throws a ConfigError that names every problem on one line. */
export const readConfig = (variables: Variables, { roles, database = true, authentication }: Needs = {}): Config => {
  const set = Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== undefined && value !== ''));
  const { data: values, error } = environmentSchema.safeParse(set);
  if (!values) {
    const names = new Set(error.issues.map((issue) => issue.path[0]));
    throw new ConfigError(
      settings
        .filter(({ name }) => names.has(name))
        .map(({ name }) => refusal(name, set[name] ?? '', error.issues.find((issue) => issue.path[0] === name)?.message))
        .join('; '),
    );
  }
  const production = values.NODE_ENV === 'production';
  const running = [...new Set(roles ?? values.ROLES)];
  const problems = [
    production && database && !values.DATABASE_URL && 'DATABASE_URL is not set; production mode needs a postgres:// URL',
    values.CLOUDWATCH_LOG_STREAM && !values.CLOUDWATCH_LOG_GROUP && 'CLOUDWATCH_LOG_STREAM is set without CLOUDWATCH_LOG_GROUP',
    ...authProblems(values, { production, needed: authentication ?? running.includes('api'), set: Object.keys(set) }),
  ].filter((problem) => typeof problem === 'string' && problem !== '');
  if (problems.length > 0) throw new ConfigError(problems.join('; '));

  const auth = toAuth(values, { production, set: Object.keys(set) });
  return freeze({
    mode: production ? 'production' : 'development',
    host: values.HOST,
    port: values.PORT,
    http: running.includes('api') || set.PORT !== undefined,
    roles: running,
    databaseUrl: values.DATABASE_URL,
    databaseConnections: values.DATABASE_CONNECTIONS,
    dataDir: values.DATA_DIR,
    maxSpoolBytes: values.MAX_SPOOL_MB * 1024 * 1024,
    logLevel: values.LOG_LEVEL,
    auth,
    groups: {
      admin: values.AUTH_ADMIN_GROUPS,
      auditor: values.AUTH_AUDITOR_GROUPS,
      auditWriter: values.AUTH_WRITER_GROUPS,
    },
    allowedOrigins: values.ALLOWED_ORIGINS ?? [],
    trustedProxies: values.TRUSTED_PROXIES,
    mutationRate: { perSecond: values.MUTATIONS_PER_SECOND, burst: values.MUTATION_BURST },
    graphiql: values.GRAPHIQL ?? !production,
    introspection: values.INTROSPECTION ?? !production,
    signedInPage: auth?.keys.kind === 'development' && isLoopback(values.HOST),
    defaultEnvironment: values.DEFAULT_ENVIRONMENT,
    auditReads: values.AUDIT_READS ?? [],
    scheduleCron: values.SCHEDULE_CRON,
    cloudWatch: values.CLOUDWATCH_LOG_GROUP
      ? { group: values.CLOUDWATCH_LOG_GROUP, stream: values.CLOUDWATCH_LOG_STREAM ?? 'flagtrail' }
      : null,
  });
};

const keyNames = ['AUTH_JWKS_URL', 'AUTH_PUBLIC_KEY', 'AUTH_SECRET'] as const;
/**
 * A name that begins with AUTH_ shows that somebody means to authenticate for real, also where it is misspelt or another
 * program's: the development key must not be what such a start falls back to.
 */
const isAuthName = (name: string) => name.startsWith('AUTH_');

type AuthSituation = { production: boolean; set: readonly string[] };

const authProblems = (values: Environment, { production, needed, set }: AuthSituation & { needed: boolean }): string[] => {
  const given = keyNames.filter((name) => values[name] !== null);
  if (given.length > 1) return [`${given.join(' and ')} are set; exactly one of ${keyNames.join(', ')} is allowed`];
  if (given.length === 0) {
    if (!needed) return [];
    const authName = set.find(isAuthName);
    if (!production && !authName) return [];
    const why = production ? 'production mode needs real authentication' : `${authName} is set, so there is no development key`;
    return [`none of ${keyNames.join(', ')} is set; ${why}: exactly one of them`];
  }
  // A provider's keys sign for others, too. A secret is shared for this service, so what it signed was meant for it.
  if (!production || given[0] === 'AUTH_SECRET') return [];
  return (['AUTH_ISSUER', 'AUTH_AUDIENCE'] as const)
    .filter((name) => values[name] === null)
    .map((name) => `${name} is not set; production mode checks it, beside ${given[0]}`);
};

const toAuth = (values: Environment, { production, set }: AuthSituation): AuthConfig | null => {
  const keys = toKeySource(values);
  if (keys) return { keys, issuer: values.AUTH_ISSUER, audience: values.AUTH_AUDIENCE };
  if (production || set.some(isAuthName)) return null;
  return { keys: { kind: 'development' }, issuer: developmentIssuer, audience: developmentIssuer };
};

const toKeySource = ({ AUTH_JWKS_URL, AUTH_PUBLIC_KEY, AUTH_SECRET }: Environment): KeySource | null => {
  if (AUTH_JWKS_URL) return { kind: 'jwks', url: new URL(AUTH_JWKS_URL) };
  if (AUTH_PUBLIC_KEY) return { kind: 'publicKey', ...AUTH_PUBLIC_KEY };
  if (AUTH_SECRET) return { kind: 'secret', secret: AUTH_SECRET };
  return null;
};

const refusal = (name: SettingName, value: string, message = ''): string => {
  const { secret, allowed } = settings.find((setting) => setting.name === name) ?? { allowed: '' };
  if (!secret) return `${name} is ${quote(value)}; allowed: ${allowed}`;
  // Zod's own messages could quote a value; those of the key's reader never do.
  return `${name} (value not shown) is not allowed${name === 'AUTH_PUBLIC_KEY' ? `, ${message}` : ''}; allowed: ${allowed}`;
};

/** On one line, not too long, and without the password of a URL. */
const quote = (value: string): string => {
  const shown = value.replaceAll(/\/\/[^\s,]*@/g, '//***@');
  const escaped = (character: string) => `\\u{${character.codePointAt(0)?.toString(16)}}`;
  return JSON.stringify(shown.length > 200 ? `${shown.slice(0, 200)}…` : shown).replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, escaped);
};

/** Freezes plain objects and arrays; keys and URLs are left alone. */
const freeze = <Value>(value: Value): Value => {
  if (value === null || typeof value !== 'object') return value;
  if (!Array.isArray(value) && Object.getPrototypeOf(value) !== Object.prototype) return value;
  for (const part of Object.values(value)) freeze(part);
  return Object.freeze(value);
};
