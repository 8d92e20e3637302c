import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { sha256 } from '../../src/api-keys/authentication/sha256.ts';
import { makeCreateApiKey } from '../../src/api-keys/commands/create-api-key.ts';
import { makeRevokeApiKey } from '../../src/api-keys/commands/revoke-api-key.ts';
import { makeRecordAuditEvents } from '../../src/applications/commands/record-audit-events.ts';
import { applicationEventAliases } from '../../src/applications/model/event-types.ts';
import { makeFindRecorded } from '../../src/applications/store/find-recorded.ts';
import { makeChangeOverrides } from '../../src/flags/commands/change-overrides.ts';
import { makeChangeRules } from '../../src/flags/commands/change-rules.ts';
import { makeRunExperiment } from '../../src/flags/commands/run-experiment.ts';
import { DomainError } from '../../src/kernel/errors.ts';
import * as schemas from '../../src/schemas/main.ts';
import { createPGliteDatabase, type TestDatabase } from '../support/databases.ts';
import { anAdmin, makeSpine, newId, type Spine } from '../support/spine.ts';
import { logSize, outboxSize, readLog } from '../support/tables.ts';
import { anyJson, anyText, arbitraryOf, type Known } from './arbitrary.ts';

// What a schema accepts, the use cases and the database take, or refuse with an error that the caller can act on.

const clock = { now: () => new Date() };
const admin = anAdmin('a'.repeat(255));
let db: TestDatabase;
let spine: Spine;
let useCases: ReturnType<typeof makeUseCases>;

const makeUseCases = () => {
  const { inTransaction } = spine;
  const commands = { inTransaction, clock, newId };
  return {
    ...makeChangeRules(commands),
    ...makeChangeOverrides(commands),
    ...makeRunExperiment(commands),
    createApiKey: makeCreateApiKey({ ...commands, randomBytes, sha256 }),
    revokeApiKey: makeRevokeApiKey(commands),
    recordAuditEvents: makeRecordAuditEvents({ ...commands, findRecorded: makeFindRecorded(db.database.prisma) }),
  };
};

const longest = { variant: '🦊'.repeat(64), text: '漢'.repeat(255) };
const variants = ['a', 'b', longest.variant].map((key) => ({ key, value: key }));
const inTwoYears = new Date(Date.now() + 2 * 365 * 86_400_000);
const ids = { schedule: '', edited: '', apiKey: '' };

beforeAll(async () => {
  db = await createPGliteDatabase();
  spine = await makeSpine(db.database, { clock });
  useCases = makeUseCases();
  for (const key of ['text', 'fire', 'status', 'doomed'])
    await spine.createFlag(admin, { key, name: key, type: 'STRING', variants });
  const schedule = { flagKey: 'text', environment: 'staging', scheduledAt: inTwoYears, updates: { enabled: true } };
  ids.schedule = (await spine.createSchedule(admin, schedule)).id;
  ids.edited = (await spine.createSchedule(admin, schedule)).id;
  await spine.sequence();
  ids.apiKey = (await useCases.createApiKey(admin, { name: 'k' })).apiKey.id;
});

const variant = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...variants.map(({ key }) => key)) }, anyText(128));
const targeting = fc.oneof(
  { weight: 2, arbitrary: fc.constant({ if: [{ '==': [{ var: 'plan' }, 'pro'] }, 'a', null] }) },
  anyJson,
);
const ofState: Known = {
  flagKey: fc.constant('text'),
  environment: fc.constantFrom('production', 'staging', undefined, 'nowhere'),
  expectedVersion: fc.constantFrom(undefined, null, 1, 2 ** 31 - 1),
  status: fc.constantFrom('ACTIVE', 'DEPRECATED', undefined),
  variant,
  defaultVariant: fc.option(variant, { nil: undefined }),
  winningVariant: fc.option(variant, { nil: undefined }),
  targeting,
  ruleKey: fc.constantFrom('r', 'gone'),
};
const arms = fc.constantFrom('a', 'b').map((first) => [
  { variant: first, weight: 1_000_000 },
  { variant: longest.variant, weight: 1 },
]);
const flagKey = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$/);
const target = { flagKey: 'text', environment: 'production' };
const rule = {
  key: 'r'.repeat(64),
  description: longest.text,
  targeting: { if: [{ in: ['x', { var: '🦊' }] }, longest.variant, null] },
};

type Case = {
  schema: z.ZodObject;
  known?: Known;
  /** One that is as long as it may be, and does what it says. */
  example: object | (() => object);
  run: (input: never) => Promise<unknown>;
};
/** By mutation. */
const cases: Record<string, Case> = {
  createFlag: {
    schema: schemas.createFlagInput,
    known: { key: flagKey, variants: fc.option(fc.array(fc.record({ key: anyText(128), value: anyText() }), { maxLength: 3 })) },
    example: { key: 'k'.repeat(128), name: longest.text, description: '漢'.repeat(4000), tags: Array(50).fill('🦊'.repeat(32)) },
    run: (input) => spine.createFlag(admin, input),
  },
  updateFlag: {
    schema: schemas.updateFlagInput,
    known: { ...ofState, variants: fc.constantFrom(undefined, variants) },
    example: { flagKey: 'text', name: longest.text, tags: ['t'.repeat(64)] },
    run: (input) => spine.updateFlag(admin, input),
  },
  deprecateFlag: {
    schema: schemas.setFlagStatusInput,
    known: { flagKey: fc.constantFrom('status', 'gone') },
    example: { flagKey: 'status' },
    run: (input) => spine.setFlagStatus(admin, input, 'DEPRECATED'),
  },
  deleteFlag: {
    schema: schemas.deleteFlagInput,
    example: { flagKey: 'doomed' },
    run: (input) => spine.deleteFlag(admin, input),
  },
  updateFlagState: {
    schema: schemas.updateFlagStateInput,
    known: ofState,
    example: { ...target, updates: { rolloutPercentage: 0, defaultVariant: longest.variant, rules: [rule] } },
    run: (input) => spine.updateFlagState(admin, input),
  },
  emergencyOverride: {
    schema: schemas.emergencyOverrideInput,
    known: { ...ofState, flagKey: fc.constant('fire'), status: fc.constant(undefined) },
    example: { flagKey: 'fire', updates: { enabled: true }, reason: '漢'.repeat(1000) },
    run: (input) => spine.emergencyOverride(admin, input),
  },
  liftEmergencyOverride: {
    schema: schemas.liftEmergencyOverrideInput,
    known: { ...ofState, flagKey: fc.constant('fire') },
    example: { flagKey: 'fire', reason: '漢'.repeat(1000) },
    run: (input) => spine.liftEmergencyOverride(admin, input),
  },
  addFlagRule: {
    schema: schemas.addFlagRuleInput,
    known: ofState,
    example: { ...target, rule: { ...rule, key: 'r' }, position: 2 ** 31 - 1 },
    run: (input) => useCases.addFlagRule(admin, input),
  },
  updateFlagRule: {
    schema: schemas.updateFlagRuleInput,
    known: { ...ofState, key: fc.constantFrom('r', 'gone') },
    example: { ...target, rule: { ...rule, key: 'r', description: null } },
    run: (input) => useCases.updateFlagRule(admin, input),
  },
  removeFlagRule: {
    schema: schemas.removeFlagRuleInput,
    known: ofState,
    example: { ...target, ruleKey: 'r' },
    run: (input) => useCases.removeFlagRule(admin, input),
  },
  addFlagOverride: {
    schema: schemas.addFlagOverrideInput,
    known: ofState,
    example: {
      ...target,
      override: { type: 'GROUP', targetId: longest.text, variant: longest.variant, expiresAt: '9999-12-31T23:59:59.999Z' },
    },
    run: (input) => useCases.addFlagOverride(admin, input),
  },
  removeFlagOverride: {
    schema: schemas.removeFlagOverrideInput,
    known: ofState,
    example: { ...target, override: { type: 'GROUP', targetId: longest.text } },
    run: (input) => useCases.removeFlagOverride(admin, input),
  },
  startExperiment: {
    schema: schemas.startExperimentInput,
    known: { ...ofState, variants: arms },
    example: {
      ...target,
      experiment: {
        key: '漢'.repeat(64),
        hypothesis: '漢'.repeat(1000),
        variants: [
          { variant: 'a', weight: 1 },
          { variant: longest.variant, weight: 1_000_000 },
        ],
      },
    },
    run: (input) => useCases.startExperiment(admin, input),
  },
  stopExperiment: {
    schema: schemas.stopExperimentInput,
    known: ofState,
    example: { ...target, outcome: '漢'.repeat(4000), winningVariant: longest.variant },
    run: (input) => useCases.stopExperiment(admin, input),
  },
  createSchedule: {
    schema: schemas.createScheduleInput,
    known: ofState,
    example: {
      ...target,
      scheduledAt: inTwoYears,
      updates: { rules: [rule], status: 'DEPRECATED' },
      maxRetries: 10,
      idempotencyKey: longest.text,
    },
    run: (input) => spine.createSchedule(admin, input),
  },
  cancelSchedule: {
    schema: schemas.cancelScheduleInput,
    example: () => ({ id: ids.schedule, reason: '漢'.repeat(1000) }),
    run: (input) => spine.cancelSchedule(admin, input),
  },
  updateSchedule: {
    schema: schemas.updateScheduleInput,
    known: { ...ofState, id: fc.constantFrom(() => ids.edited).map((id) => id()) },
    example: () => ({
      id: ids.edited,
      expectedVersion: 1,
      scheduledAt: new Date(inTwoYears.getTime() + 1),
      updates: { rules: [rule], defaultVariant: longest.variant },
      maxRetries: 10,
    }),
    run: (input) => spine.updateSchedule(admin, input),
  },
  applySchedule: {
    schema: schemas.applyScheduleInput,
    example: () => ({ id: ids.edited }),
    run: (input) => spine.applySchedule(admin, input),
  },
  cancelSchedules: {
    schema: schemas.cancelSchedulesInput,
    known: { filter: fc.record({ search: anyText(100), createdTo: fc.constant('2001-01-01T00:00:00Z') }) },
    example: () => ({ filter: { flagKeys: Array(100).fill(longest.text), search: '漢'.repeat(100) }, reason: '漢'.repeat(1000) }),
    run: (input) => spine.cancelSchedules(admin, input),
  },
  createEnvironment: {
    schema: schemas.createEnvironmentInput,
    known: { key: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/) },
    example: { key: 'k'.repeat(64), name: longest.text },
    run: (input) => spine.createEnvironment(admin, input),
  },
  updateEnvironment: {
    schema: schemas.updateEnvironmentInput,
    known: { key: fc.oneof(fc.constant('development'), anyText(64)) },
    example: { key: 'development', name: longest.text },
    run: (input) => spine.updateEnvironment(admin, input),
  },
  disableEnvironment: {
    schema: schemas.setEnvironmentEnabledInput,
    known: { key: fc.oneof(fc.constant('development'), anyText(64)) },
    example: { key: 'development' },
    run: (input) => spine.setEnvironmentEnabled(admin, input, false),
  },
  createApiKey: {
    schema: schemas.createApiKeyInput,
    example: { name: longest.text, roles: ['ADMIN', 'AUDITOR'], expiresAt: '9999-12-31T23:59:59.999Z' },
    run: (input) => useCases.createApiKey(admin, input),
  },
  revokeApiKey: {
    schema: schemas.revokeApiKeyInput,
    example: () => ({ id: ids.apiKey }),
    run: (input) => useCases.revokeApiKey(admin, input),
  },
  erasePerson: {
    schema: schemas.erasePersonInput,
    known: { actorId: fc.constantFrom(admin.actor.id, 'nobody') },
    example: { actorId: admin.actor.id, reason: '漢'.repeat(1000) },
    run: (input) => spine.erasePerson(admin, input),
  },
  recordAuditEvents: {
    schema: schemas.recordAuditEventsInput,
    known: { type: fc.constantFrom(...Object.keys(applicationEventAliases)), details: anyJson },
    example: {
      events: [{ id: newId(new Date()), type: 'login', userId: longest.text, userName: longest.text, workspaceId: longest.text }],
    },
    run: (input) => useCases.recordAuditEvents(admin, input),
  },
};

describe('inputs that the Zod schemas accept', () => {
  it('are tried for every mutation', () => {
    const tried = new Set<z.ZodObject>(Object.values(cases).map(({ schema }) => schema));
    const inputs = Object.entries(schemas).filter(([name]) => name.endsWith('Input'));
    const inside = ['variantInput', 'flagRuleInput', 'flagUpdatesInput', 'flagOverrideInput', 'overrideTargetInput'].concat([
      'experimentInput',
      'experimentVariantInput',
      'auditEventInput',
    ]);
    expect(inputs.flatMap(([name, schema]) => (tried.has(schema as z.ZodObject) ? [] : [name])).sort()).toEqual(inside.sort());
  });

  it.each(Object.entries(cases))(
    '%s takes them, or refuses them with an error that callers can act on',
    async (_name, tested) => {
      const { schema, known, example, run } = tested;
      const outcomes: string[] = [];
      const attempt = async (input: unknown) => {
        const { data } = schema.safeParse(input);
        // Another one is drawn in its place.
        fc.pre(data !== undefined);
        const outcome = await (async () => run(data as never))().catch((error: unknown) => error);
        if (outcome instanceof Error && !(outcome instanceof DomainError)) throw outcome;
        outcomes.push(outcome instanceof DomainError ? outcome.code : 'done');
      };
      await attempt(typeof example === 'function' ? example() : example);
      expect(outcomes).toEqual(['done']);
      await fc.assert(fc.asyncProperty(arbitraryOf(schema, known), attempt), { numRuns: 15 });
      expect(outcomes.length).toBeGreaterThanOrEqual(1 + 15);
    },
  );

  it('are in the log, all of them: no event was spooled or lost', async () => {
    expect(spine.spool.counts()).toEqual({ spooled: 0, lost: 0 });
    const waiting = (await outboxSize(db)) + (await logSize(db));
    await spine.sequence();
    expect(await readLog(db)).toHaveLength(waiting);
  });
});
