import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readConfig } from '../../src/config/config.ts';
import { settings } from '../../src/config/settings.ts';
import { logKey } from '../support/log-key.ts';
import { commandOf, parseDockerfile } from './dockerfile.ts';
import { repository } from './image.ts';

type Service = {
  image: string;
  build?: string;
  command?: string[];
  environment: Record<string, string>;
  volumes?: string[];
  [option: string]: unknown;
};

const read = (file: string) => readFileSync(path.join(repository, file), 'utf8');
const compose: { services: Record<string, Service>; volumes: object } = parse(read('compose.yaml'), { merge: true });
const { postgres, ...ours } = compose.services;
const services = Object.entries(ours);

/** The text with variables in place, as `docker compose` reads it with these in `.env`. */
const filledIn = (text: string, variables: Record<string, string>) =>
  text.replaceAll(/\$\{(\w+):[?-][^}]*\}/g, (_, name: string) => variables[name] ?? '');
// As .env.example says to write it: on one line.
const dotEnv = { POSTGRES_PASSWORD: 'abc123', AUTH_SECRET: 'x'.repeat(64), LOG_SIGNING_KEY: logKey.replaceAll('\n', '\\n') };

describe('compose.yaml', () => {
  it('runs two APIs, a worker and an audit process, each with settings that the service takes', () => {
    const [image] = parseDockerfile(read('Dockerfile')).slice(-1);
    const started = services.map(([name, { command = image && commandOf(image, 'CMD'), environment }]) => {
      const variables = Object.entries(environment).map(([key, value]) => [key, filledIn(value, dotEnv)]);
      const isWorker = command?.[0] !== 'serve';
      const config = readConfig(
        { NODE_ENV: 'production', ...Object.fromEntries(variables) },
        isWorker ? { roles: ['worker'] } : {},
      );
      return [name, command?.[0], config.roles.join()];
    });
    expect(started).toEqual([
      ['migrate', 'migrate', 'worker'],
      ['api-1', 'serve', 'api'],
      ['api-2', 'serve', 'api'],
      ['worker', 'worker', 'worker'],
      ['audit', 'serve', 'audit'],
    ]);
  });

  it.each(services)('gives %s nothing but settings that the service knows', (_name, { environment }) => {
    const known = settings.map(({ name }) => name as string);
    expect(Object.keys(environment).filter((name) => !known.includes(name))).toEqual([]);
  });

  it.each(services)(
    'runs %s with a read-only root, without privileges, and with the time that a shutdown takes',
    (_name, service) => {
      expect(service).toMatchObject({
        read_only: true,
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
        stop_grace_period: '15s',
      });
      expect(service).not.toHaveProperty('privileged');
      expect(service).not.toHaveProperty('user');
    },
  );

  it('gives each process a volume of its own', () => {
    const mounts = services.flatMap(([, { volumes = [] }]) => volumes);
    expect(mounts).toEqual(['api-1:/data', 'api-2:/data', 'worker:/data', 'audit:/data']);
    expect(Object.keys(compose.volumes)).toEqual(['postgres', ...mounts.map((mount) => mount.split(':')[0])]);
  });

  it('starts nothing before the database is there and migrated', () => {
    expect(postgres?.healthcheck).toMatchObject({ test: expect.arrayContaining(['CMD', 'pg_isready']) });
    expect(ours.migrate).toMatchObject({ restart: 'no', depends_on: { postgres: { condition: 'service_healthy' } } });
    for (const [name, service] of services.filter(([other]) => other !== 'migrate')) {
      expect(service.depends_on, name).toEqual({ migrate: { condition: 'service_completed_successfully' } });
    }
  });

  it('has no secret of its own: it refuses to start without one, and asks only those who need it', () => {
    const secrets = Array.from(read('.env.example').matchAll(/^(\w+)=(.*)$/gm), ([, name, value]) => [name, value]);
    expect(secrets).toEqual(Object.keys(dotEnv).map((name) => [name, '']));
    const variables = Array.from(read('compose.yaml').matchAll(/\$\{(\w+)(:.)/g), ([, name, operator]) => `${name}${operator}`);
    expect(new Set(variables)).toEqual(
      new Set(['FLAGTRAIL_IMAGE:-', 'POSTGRES_PASSWORD:?', 'AUTH_SECRET:?', 'LOG_SIGNING_KEY:?']),
    );
    expect(services.flatMap(([name, { environment }]) => (environment.AUTH_SECRET ? [name] : []))).toEqual(['api-1', 'api-2']);
    expect(services.flatMap(([name, { environment }]) => (environment.LOG_SIGNING_KEY ? [name] : []))).toEqual(['audit']);
  });

  it('can be reached from this machine only', () => {
    const ports = Object.values(compose.services).flatMap(({ ports = [] }) => ports as string[]);
    expect(ports).toEqual(['127.0.0.1:4001:4000', '127.0.0.1:4002:4000']);
  });
});
