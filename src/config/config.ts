import type { BlockList } from 'node:net';
import { developmentIssuer, type KeySource, type RoleGroups } from '../access/jwt/key-source.ts';
import type { AuditableRead } from '../flags/model/flag-reads.ts';
import { isLoopback } from '../kernel/loopback.ts';
import type { ProcessRole } from '../service/model/service-process.ts';
import type { SigningKeySource } from '../transparency/signing/signing-key.ts';
import { type Environment, environmentSchema, type SettingName, settings } from './settings.ts';

/** Why the service does not start: one line that names each wrong variable, its value (never a secret), and what is allowed. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** How tokens are verified. If the issuer or the audience is null, it is not checked. */
type AuthConfig = Readonly<{ keys: KeySource; issuer: string | null; audience: string | null }>;

/** All settings, validated and frozen. `settings` describes each variable. */
export type Config = Readonly<{
  mode: 'development' | 'production';
  host: string;
  /** 0 stands for any free port. */
  port: number;
  /** Whether this process listens on the port: for the API or, if PORT is set, for readiness and metrics alone. */
  http: boolean;
  roles: readonly ProcessRole[];
  /** Null for the embedded database in `dataDir`. It can contain a password. */
  databaseUrl: string | null;
  databaseConnections: number;
  dataDir: string;
  maxSpoolBytes: number;
  logLevel: Environment['LOG_LEVEL'];
  /** Null if this process does not have the role `api`, and so authenticates nobody. */
  auth: AuthConfig | null;
  groups: RoleGroups;
  /** The key that signs the log; null in production if none is given, which the role `audit` does not allow. */
  logSigningKey: SigningKeySource | null;
  allowedOrigins: readonly string[];
  /** Null if no proxy is trusted. */
  trustedProxies: BlockList | null;
  /** How many changes one caller can make. */
  mutationRate: Readonly<{ perSecond: number; burst: number }>;
  graphiql: boolean;
  introspection: boolean;
  /** Whether the GraphiQL page has a token: only with the development key, and only if no other machine can fetch the page. */
  signedInPage: boolean;
  defaultEnvironment: string;
  /** The reads that are recorded in the audit log. */
  auditReads: readonly AuditableRead[];
  scheduleCron: string;
  /** Whether strangers can read the tiles of the log, and entries that hold nothing personal in clear. */
  logPublic: boolean;
  cloudWatch: Readonly<{ group: string; stream: string }> | null;
}>;

type Variables = Readonly<Record<string, string | undefined>>;
/** What a command needs from the settings. */
export type Needs = {
  /** The roles that the process runs. @default the setting ROLES. A command that does its work and ends has none: []. */
  roles?: readonly ProcessRole[];
  /** Whether the command opens the database. @default true */
  database?: boolean;
  /** Whether the command needs the settings that verify tokens. @default whether it runs the API */
  authentication?: boolean;
};

/** Reads the environment. An empty string counts as not set. Throws a ConfigError that names all problems on one line. */
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
    production && running.includes('audit') && !values.LOG_SIGNING_KEY && noSigningKey,
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
    logSigningKey: values.LOG_SIGNING_KEY ?? (production ? null : { kind: 'development' }),
    allowedOrigins: values.ALLOWED_ORIGINS ?? [],
    trustedProxies: values.TRUSTED_PROXIES,
    mutationRate: { perSecond: values.MUTATIONS_PER_SECOND, burst: values.MUTATION_BURST },
    graphiql: values.GRAPHIQL ?? !production,
    introspection: values.INTROSPECTION ?? !production,
    signedInPage: auth?.keys.kind === 'development' && isLoopback(values.HOST),
    defaultEnvironment: values.DEFAULT_ENVIRONMENT,
    auditReads: values.AUDIT_READS ?? [],
    scheduleCron: values.SCHEDULE_CRON,
    logPublic: values.LOG_PUBLIC ?? false,
    cloudWatch: values.CLOUDWATCH_LOG_GROUP
      ? { group: values.CLOUDWATCH_LOG_GROUP, stream: values.CLOUDWATCH_LOG_STREAM ?? 'flagtrail' }
      : null,
  });
};

const noSigningKey =
  "LOG_SIGNING_KEY is not set; production mode requires it with the role audit, which signs the log: make a key with 'flagtrail log new-key --output log.key' or 'openssl genpkey -algorithm ed25519 -out log.key'";

const keyNames = ['AUTH_JWKS_URL', 'AUTH_PUBLIC_KEY', 'AUTH_SECRET'] as const;
/**
 * A variable that begins with AUTH_ shows that somebody wants real authentication, even if it is misspelt or belongs to another
 * program. Such a start must not fall back to the development key.
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
    return [`none of ${keyNames.join(', ')} is set; ${why}: set exactly one of them`];
  }
  // An identity provider signs tokens for other services with the same keys. A secret is shared with this service only.
  if (!production || given[0] === 'AUTH_SECRET') return [];
  return (['AUTH_ISSUER', 'AUTH_AUDIENCE'] as const)
    .filter((name) => values[name] === null)
    .map((name) => `${name} is not set; production mode requires it with ${given[0]}`);
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
  // Zod's messages could quote a secret value. The messages about keys never do.
  const isKey = name === 'AUTH_PUBLIC_KEY' || name === 'LOG_SIGNING_KEY';
  return `${name} (value not shown) is not allowed${isKey ? `, ${message}` : ''}; allowed: ${allowed}`;
};

/** The value on one line, shortened, and without the password of a URL. */
const quote = (value: string): string => {
  const shown = value.replaceAll(/\/\/[^\s,]*@/g, '//***@');
  const escaped = (character: string) => `\\u{${character.codePointAt(0)?.toString(16)}}`;
  return JSON.stringify(shown.length > 200 ? `${shown.slice(0, 200)}…` : shown).replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, escaped);
};

/** Freezes plain objects and arrays. Other objects, such as keys and URLs, stay as they are. */
const freeze = <Value>(value: Value): Value => {
  if (value === null || typeof value !== 'object') return value;
  if (!Array.isArray(value) && Object.getPrototypeOf(value) !== Object.prototype) return value;
  for (const part of Object.values(value)) freeze(part);
  return Object.freeze(value);
};
