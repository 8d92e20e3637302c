import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { flagStatuses } from '../../src/flags/model/flag-status.ts';
import { flagTypes } from '../../src/flags/model/flag-type.ts';
import { scheduleStatuses } from '../../src/schedules/model/schedule.ts';
import * as schemas from '../../src/schemas/main.ts';
import { createPGliteDatabase, type TestDatabase } from '../support/databases.ts';
import { unwrap } from './shapes.ts';

/** Where the texts of inputs end: columns of limited width, by the fields that they come from. */
const texts: Record<string, z.core.$ZodType[]> = {
  'environments.key': [schemas.createEnvironmentInput.shape.key],
  'environments.name': [schemas.createEnvironmentInput.shape.name],
  'feature_flags.key': [schemas.createFlagInput.shape.key],
  'feature_flags.name': [schemas.createFlagInput.shape.name, schemas.updateFlagInput.shape.name],
  'feature_flag_states.default_variant': [
    schemas.flagUpdatesInput.shape.defaultVariant,
    schemas.stopExperimentInput.shape.winningVariant,
    schemas.variantInput.shape.key,
  ],
  'feature_flag_schedules.flag_key': [schemas.createScheduleInput.shape.flagKey],
  'feature_flag_schedules.environment_key': [schemas.createScheduleInput.shape.environment],
  'feature_flag_schedules.idempotency_key': [schemas.createScheduleInput.shape.idempotencyKey],
  'api_keys.name': [schemas.createApiKeyInput.shape.name],
};
/** What no input writes. userIds come from tokens and keys, which are held to 255 characters when they are read. */
const written = [
  'feature_flag_states.environment_key',
  'feature_flags.created_by',
  ...['created_by', 'cancelled_by'].map((column) => `feature_flag_schedules.${column}`),
  ...['created_by', 'revoked_by', 'prefix'].map((column) => `api_keys.${column}`),
  ...['name', 'lease_holder'].map((column) => `sink_cursors.${column}`),
  ...['version', 'host'].map((column) => `service_processes.${column}`),
];

/** Columns with a CHECK, and what it allows: names, or a range. */
const checks: Record<string, readonly string[] | { min: number; max: number; field: z.core.$ZodType }> = {
  'feature_flags.type': flagTypes,
  'feature_flags.status': flagStatuses,
  'feature_flag_schedules.status': scheduleStatuses,
  'feature_flag_states.rollout_percentage': { min: 0, max: 100, field: schemas.flagUpdatesInput.shape.rolloutPercentage },
  'feature_flag_schedules.max_retries': { min: 0, max: 10, field: schemas.createScheduleInput.shape.maxRetries },
};
/** CHECKs that are of rows, not of inputs. */
const ofRows = [
  'feature_flag_schedules.next_retry_at',
  'audit_outbox.event',
  'audit_checkpoints.root_hash',
  'audit_head.id',
  'audit_head.pruned_to',
];

describe('the database and the Zod schemas', () => {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await createPGliteDatabase();
  });

  it('agree on the length of every text', async () => {
    const columns = await db.sql<{ name: string; width: number }>(`
      SELECT table_name || '.' || column_name AS name, character_maximum_length AS width FROM information_schema.columns
      WHERE table_schema = 'public' AND character_maximum_length IS NOT NULL AND table_name <> '_prisma_migrations'`);
    const widths = new Map(columns.map(({ name, width }) => [name, width]));
    for (const [name, fields] of Object.entries(texts)) {
      const lengths = fields.map(unwrap).map((field) => field instanceof z.ZodString && field.maxLength);
      expect([name, ...lengths]).toEqual([name, ...fields.map(() => widths.get(name))]);
    }
    // A column of limited width that is new must be found here, or explained above; names of a CHECK fit.
    const known = [...Object.keys(texts), ...Object.keys(checks), ...written];
    expect([...widths.keys()].filter((name) => !known.includes(name))).toEqual([]);
    for (const [name, allowed] of Object.entries(checks)) {
      if (Array.isArray(allowed))
        expect(Math.max(...allowed.map(({ length }) => length))).toBeLessThanOrEqual(widths.get(name) ?? 0);
    }
  });

  it('agree on every name and every range', async () => {
    const found = await db.sql<{ name: string; definition: string }>(`
      SELECT c.conrelid::regclass || '.' || a.attname AS name, pg_get_constraintdef(c.oid) AS definition
      FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
      WHERE c.contype = 'c' AND c.connamespace = 'public'::regnamespace`);
    const definitions = new Map(found.map(({ name, definition }) => [name, definition]));
    expect([...definitions.keys()].filter((name) => !ofRows.includes(name)).sort()).toEqual(Object.keys(checks).sort());

    for (const [name, allowed] of Object.entries(checks)) {
      const definition = definitions.get(name) ?? '';
      if (!('field' in allowed)) {
        expect([name, ...[...definition.matchAll(/'(\w+)'::/g)].map(([, value]) => value)]).toEqual([name, ...allowed]);
        continue;
      }
      const { min, max, field } = allowed;
      expect([name, ...[...definition.matchAll(/[<>]= (\d+)/g)].map(([, bound]) => Number(bound))]).toEqual([name, min, max]);
      const accepted = [min - 1, min, max, max + 1].map((value) => z.safeParse(field, value).success);
      expect([name, ...accepted]).toEqual([name, false, true, true, false]);
    }
  });
});
