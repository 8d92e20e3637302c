import { z } from 'zod';
import { auditableReads } from '../flags/model/flag-reads.ts';
import { processRoles } from '../service/model/service-process.ts';
import * as value from './setting-values.ts';

type About = {
  /** What holds where the variable is not set; null: nothing does. */
  default: string | null;
  /** The values that it takes, to go on from "allowed:". */
  allowed: string;
  /** What it is for. */
  purpose: string;
  /** Its value is never shown. */
  secret?: true;
};
const abouts = new Map<z.ZodType, About>();
const described = <Schema extends z.ZodType>(schema: Schema, about: About): Schema => {
  abouts.set(schema, about);
  return schema;
};
const withDefault = <Value>(schema: z.ZodType<Value, string>, about: About & { default: string }) =>
  described(
    z
      .string()
      .optional()
      .transform((text) => text ?? about.default)
      .pipe(schema),
    about,
  );
const optional = <Value>(schema: z.ZodType<Value, string>, about: About) =>
  described(
    schema.optional().transform((output) => output ?? null),
    about,
  );

const groups = (fallback: string, may: string) =>
  withDefault(value.commaList, {
    default: fallback,
    allowed: 'group names, separated by commas',
    purpose: `Groups whose members ${may}.`,
  });

/** Every setting, by the name of its environment variable, with the value that it becomes. */
export const environmentSchema = z.object({
  PORT: withDefault(value.integer(0, 65_535), {
    default: '4000',
    allowed: 'a whole number from 0 to 65535 (0: any free port)',
    purpose: 'Port of the API, for HTTP and websockets.',
  }),
  HOST: withDefault(value.hostName, {
    default: '127.0.0.1',
    allowed: 'an IP address or a host name',
    purpose: 'Address that the API listens on; 0.0.0.0 for every IPv4 interface.',
  }),
  ROLES: withDefault(value.commaList.pipe(z.array(z.enum(processRoles))), {
    default: processRoles.join(),
    allowed: `any of ${processRoles.join(', ')}, separated by commas`,
    purpose: 'What this process runs: the GraphQL API, the worker that applies schedules, the audit pipeline.',
  }),
  NODE_ENV: withDefault(z.enum(['development', 'test', 'production']), {
    default: 'development',
    allowed: 'development, test or production',
    purpose: 'Production mode refuses to start without a database and real authentication.',
  }),
  DATABASE_URL: optional(value.postgresUrl, {
    default: null,
    allowed: 'a postgres:// or postgresql:// URL, with special characters of the password percent-encoded',
    purpose: 'PostgreSQL server, 14 or later. Without it, an embedded database lives in DATA_DIR. Required in production.',
    secret: true,
  }),
  DATABASE_CONNECTIONS: withDefault(value.integer(5, 1000), {
    default: '20',
    allowed: 'a whole number from 5 to 1000',
    purpose: 'Most connections that one process opens to PostgreSQL, besides one that listens for notifications.',
  }),
  DATA_DIR: withDefault(z.string(), {
    default: './data',
    allowed: 'a path',
    purpose: 'Folder of the embedded database, the development key and the spool.',
  }),
  MAX_SPOOL_MB: withDefault(value.integer(1, 100_000), {
    default: '64',
    allowed: 'a whole number from 1 to 100000',
    purpose: 'Most disk space, in MiB, for audit events that the database would not take; what does not fit is declared lost.',
  }),
  LOG_LEVEL: withDefault(z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']), {
    default: 'info',
    allowed: 'trace, debug, info, warn, error, fatal or silent',
    purpose: 'Least level of log lines on stdout.',
  }),
  AUTH_JWKS_URL: optional(value.jwksUrl, {
    default: null,
    allowed: 'an https URL without credentials (http on a loopback host only)',
    purpose:
      "Identity provider's public keys. Exactly one of AUTH_JWKS_URL, AUTH_PUBLIC_KEY, AUTH_SECRET is real authentication.",
  }),
  AUTH_PUBLIC_KEY: optional(value.publicKey, {
    default: null,
    allowed: 'a public key as PEM (SPKI) or JWK: RSA from 2048 bits, EC P-256, P-384 or P-521, or Ed25519',
    purpose: 'The one public key that tokens are verified with.',
    secret: true,
  }),
  AUTH_SECRET: optional(value.secret, {
    default: null,
    allowed: 'at least 32 bytes',
    purpose: 'Secret that tokens are signed (by `flagtrail token`: HS256) and verified with.',
    secret: true,
  }),
  AUTH_ISSUER: optional(z.string(), {
    default: null,
    allowed: 'any text',
    purpose: 'The `iss` that a token must have. Required in production, except with AUTH_SECRET.',
  }),
  AUTH_AUDIENCE: optional(z.string(), {
    default: null,
    allowed: 'any text',
    purpose: 'What the `aud` of a token must contain. Required in production, except with AUTH_SECRET.',
  }),
  AUTH_ADMIN_GROUPS: groups('admin', 'may do everything'),
  AUTH_AUDITOR_GROUPS: groups('auditor', 'may read everything'),
  AUTH_WRITER_GROUPS: groups('audit-writer', 'may record audit events of other applications'),
  ALLOWED_ORIGINS: optional(value.origins, {
    default: null,
    allowed: 'origins like https://admin.example.com, separated by commas',
    purpose: 'Browser origins, besides its own, whose pages may use the API.',
  }),
  TRUSTED_PROXIES: optional(value.networks, {
    default: null,
    allowed: 'IP addresses and CIDRs like 10.0.0.0/8, separated by commas',
    purpose: 'Proxies whose X-Forwarded-For is believed. Without it, behind a proxy, events name the proxy as the IP address.',
  }),
  MUTATIONS_PER_SECOND: withDefault(value.integer(1, 1_000_000), {
    default: '1000',
    allowed: 'a whole number from 1 to 1000000',
    purpose:
      'How many changes a second one caller (the actor of a token, or an API key) may keep making, in one process; each root field of a mutation counts as one.',
  }),
  MUTATION_BURST: withDefault(value.integer(100, 100_000_000), {
    default: '30000',
    allowed: 'a whole number from 100 to 100000000',
    purpose:
      'How many changes one caller who has made none for a while may make at once, as fast as it can. Beyond both: RATE_LIMITED.',
  }),
  GRAPHIQL: optional(value.onOff, {
    default: null,
    allowed: 'true or false',
    purpose: 'Whether GraphiQL is served; without it, in development only.',
  }),
  INTROSPECTION: optional(value.onOff, {
    default: null,
    allowed: 'true or false',
    purpose: 'Whether the schema may be asked for; without it, in development only.',
  }),
  DEFAULT_ENVIRONMENT: withDefault(z.string().regex(/^[a-z0-9][a-z0-9_-]{0,63}$/i), {
    default: 'production',
    allowed: 'letters, digits, _ and -, at most 64',
    purpose: 'Environment of audit events that concern no flag environment.',
  }),
  AUDIT_READS: optional(value.commaList.pipe(z.array(z.enum(auditableReads))), {
    default: null,
    allowed: `any of ${auditableReads.join(', ')}, separated by commas`,
    purpose:
      'Reads that are recorded, too: flags that somebody looks at one by one (flag.viewed), exports of flags (flag.exported). Without it, none is.',
  }),
  SCHEDULE_CRON: withDefault(value.cronExpression, {
    default: '* * * * * *',
    allowed: 'a cron expression of five fields, or six with seconds first',
    purpose: 'When the worker looks for schedules that are due.',
  }),
  CLOUDWATCH_LOG_GROUP: optional(z.string().regex(/^[\w./#-]{1,512}$/), {
    default: null,
    allowed: 'letters, digits and . - _ / #, at most 512',
    purpose:
      "CloudWatch log group that audit events are shipped to; AWS's own variables choose region, credentials and endpoint.",
  }),
  CLOUDWATCH_LOG_STREAM: optional(z.string().regex(/^[^:*]{1,512}$/), {
    default: null,
    allowed: 'any text without : and *, at most 512 characters',
    purpose: 'Stream in that group; `flagtrail` where only the group is given.',
  }),
});
export type Environment = z.output<typeof environmentSchema>;
export type SettingName = keyof Environment;

/** One row of the configuration table for each setting, in the order in which a reader wants them. */
export const settings: readonly (About & { name: SettingName })[] = environmentSchema.keyof().options.map((name) => {
  const about = abouts.get(environmentSchema.shape[name]);
  if (!about) throw new Error(`${name} is not described`);
  return { name, ...about };
});
