import { z } from 'zod';
import { auditableReads } from '../flags/model/flag-reads.ts';
import { processRoles } from '../service/model/service-process.ts';
import * as value from './setting-values.ts';

type About = {
  /** The value if the variable is not set; null if it has no default. */
  default: string | null;
  /** The values that it allows; messages show this after "allowed:". */
  allowed: string;
  /** What it is for. */
  purpose: string;
  /** Messages never show its value. */
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
    purpose: `Groups of the token whose members ${may}.`,
  });

/** Every setting, by the name of its environment variable, with the schema that reads its value. */
export const environmentSchema = z.object({
  PORT: withDefault(value.integer(0, 65_535), {
    default: '4000',
    allowed: 'a whole number from 0 to 65535 (0: any free port)',
    purpose: 'Port of the API, for HTTP and websockets.',
  }),
  HOST: withDefault(value.hostName, {
    default: '127.0.0.1',
    allowed: 'an IP address or a host name',
    purpose: 'Address that the API listens on. 0.0.0.0 stands for every IPv4 interface.',
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
    purpose:
      'PostgreSQL server, version 14 or later. Without it, an embedded database in DATA_DIR is used. Required in production.',
    secret: true,
  }),
  DATABASE_CONNECTIONS: withDefault(value.integer(5, 1000), {
    default: '20',
    allowed: 'a whole number from 5 to 1000',
    purpose:
      'Maximum number of connections that one process opens to PostgreSQL, not counting the one that listens for notifications.',
  }),
  DATA_DIR: withDefault(z.string(), {
    default: './data',
    allowed: 'a path',
    purpose: 'Folder of the embedded database, the development keys, the spool and the latest checkpoint.',
  }),
  MAX_SPOOL_MB: withDefault(value.integer(1, 100_000), {
    default: '64',
    allowed: 'a whole number from 1 to 100000',
    purpose:
      'Maximum size of the spool in MiB: it holds audit events while the database does not take them. Events that do not fit are declared lost.',
  }),
  LOG_LEVEL: withDefault(z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']), {
    default: 'info',
    allowed: 'trace, debug, info, warn, error, fatal or silent',
    purpose: 'Lowest level of the log lines on stdout.',
  }),
  AUTH_JWKS_URL: optional(value.jwksUrl, {
    default: null,
    allowed: 'an https URL without credentials (http on a loopback host only)',
    purpose:
      "URL of the identity provider's public keys. Real authentication needs exactly one of AUTH_JWKS_URL, AUTH_PUBLIC_KEY, AUTH_SECRET.",
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
    purpose: 'Secret that tokens are verified with, and that `flagtrail token` signs them with (HS256).',
    secret: true,
  }),
  AUTH_ISSUER: optional(z.string(), {
    default: null,
    allowed: 'any text',
    purpose: 'The `iss` claim that a token must have. Required in production, except with AUTH_SECRET.',
  }),
  AUTH_AUDIENCE: optional(z.string(), {
    default: null,
    allowed: 'any text',
    purpose: 'What the `aud` claim of a token must contain. Required in production, except with AUTH_SECRET.',
  }),
  LOG_SIGNING_KEY: optional(value.signingKey, {
    default: null,
    allowed: 'an Ed25519 private key as PEM (PKCS#8), or the path of a file with one',
    purpose:
      "Key that signs the log's checkpoints. Required in production where ROLES has `audit`; without it, development mode makes a key and keeps it in DATA_DIR. `flagtrail log new-key` makes one.",
    secret: true,
  }),
  AUTH_ADMIN_GROUPS: groups('admin', 'may do everything'),
  AUTH_AUDITOR_GROUPS: groups('auditor', 'may read everything'),
  AUTH_WRITER_GROUPS: groups('audit-writer', 'may record audit events of other applications'),
  ALLOWED_ORIGINS: optional(value.origins, {
    default: null,
    allowed: 'origins like https://admin.example.com, separated by commas',
    purpose: 'Origins of browser pages that may use the API, besides its own.',
  }),
  TRUSTED_PROXIES: optional(value.networks, {
    default: null,
    allowed: 'IP addresses and CIDRs like 10.0.0.0/8, separated by commas',
    purpose:
      'Proxies whose X-Forwarded-For header is trusted. Without it, events of requests through a proxy have the address of the proxy.',
  }),
  MUTATIONS_PER_SECOND: withDefault(value.integer(1, 1_000_000), {
    default: '1000',
    allowed: 'a whole number from 1 to 1000000',
    purpose:
      'How many changes a second one caller (the actor of a token, or an API key) may make in one process, in the long run. Each root field of a mutation counts as one change.',
  }),
  MUTATION_BURST: withDefault(value.integer(100, 100_000_000), {
    default: '30000',
    allowed: 'a whole number from 100 to 100000000',
    purpose:
      'How many changes one caller may make at once after a pause. Changes beyond both limits are refused with RATE_LIMITED.',
  }),
  GRAPHIQL: optional(value.onOff, {
    default: null,
    allowed: 'true or false',
    purpose: 'Whether to serve GraphiQL. Without it, GraphiQL is served in development only.',
  }),
  INTROSPECTION: optional(value.onOff, {
    default: null,
    allowed: 'true or false',
    purpose: 'Whether clients can query the schema. Without it, they can in development only.',
  }),
  DEFAULT_ENVIRONMENT: withDefault(z.string().regex(/^[a-z0-9][a-z0-9_-]{0,63}$/i), {
    default: 'production',
    allowed: 'letters, digits, _ and -, at most 64',
    purpose: 'Environment of audit events that concern no environment of flags.',
  }),
  AUDIT_READS: optional(value.commaList.pipe(z.array(z.enum(auditableReads))), {
    default: null,
    allowed: `any of ${auditableReads.join(', ')}, separated by commas`,
    purpose:
      'Reads that are recorded in the audit log: looking at one flag (flag.viewed), exporting flags (flag.exported). Without it, no reads are recorded.',
  }),
  LOG_PUBLIC: optional(value.onOff, {
    default: null,
    allowed: 'true or false',
    purpose:
      'Whether everybody can read the log at /log/ without a token: checkpoint, tiles, and entries, which hold digests of what is personal. Disclosures, and entries from before there were any, stay for auditors. Without it, all of it is for auditors.',
  }),
  SCHEDULE_CRON: withDefault(value.cronExpression, {
    default: '* * * * * *',
    allowed: 'a cron expression of five fields, or six with seconds first',
    purpose: 'When the worker looks for due schedules.',
  }),
  CLOUDWATCH_LOG_GROUP: optional(z.string().regex(/^[\w./#-]{1,512}$/), {
    default: null,
    allowed: 'letters, digits and . - _ / #, at most 512',
    purpose:
      "CloudWatch log group that audit events are shipped to. AWS's own variables set the region, credentials and endpoint.",
  }),
  CLOUDWATCH_LOG_STREAM: optional(z.string().regex(/^[^:*]{1,512}$/), {
    default: null,
    allowed: 'any text without : and *, at most 512 characters',
    purpose: 'Log stream in that group. If only the group is set, the stream is `flagtrail`.',
  }),
});
export type Environment = z.output<typeof environmentSchema>;
export type SettingName = keyof Environment;

/** The rows of the configuration table, one for each setting, in the order of the documentation. */
export const settings: readonly (About & { name: SettingName })[] = environmentSchema.keyof().options.map((name) => {
  const about = abouts.get(environmentSchema.shape[name]);
  if (!about) throw new Error(`${name} is not described`);
  return { name, ...about };
});
