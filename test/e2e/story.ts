import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { v7 as uuidv7 } from 'uuid';
import { expect } from 'vitest';
import { applicationEventAliases } from '../../src/applications/model/event-types.ts';
import type { AuditEventType } from '../../src/catalogue/event-types.ts';
import { schema } from '../../src/compose/schema.ts';
import { newSigningKey } from '../../src/transparency/signing/signing-key.ts';
import { logKey } from '../support/log-key.ts';
import { runCommand } from '../support/run-command.ts';
import { type TestService, temporaryFolder, token } from '../support/service.ts';

/** Something that somebody does, and the event that must come of it. */
export type Step = {
  type: AuditEventType;
  /** Runs the operation. */
  cause: () => Promise<unknown>;
  /** The sentence that says it, or a part of it. */
  says: string;
  /** The fields that changed, in order; absent: it is no change of anything. */
  changed?: string[];
  /** What else the event must have. */
  event?: Record<string, unknown>;
};

/** How an answer names what was made, for those whose id is needed. */
const made: Record<string, string> = {
  createSchedule: '... on Schedule { id }',
  createApiKey: '... on CreateApiKeyPayload { apiKey { id } }',
};

/** Runs a mutation; gives the id of what it made. Fails where it answers with an error. */
const makeMutate =
  ({ gql }: Pick<TestService, 'gql'>) =>
  async (field: string, input: object): Promise<string> => {
    const inputType = schema.getMutationType()?.getFields()[field]?.args[0]?.type;
    const { data, errors } = await gql<Record<string, { id?: string; apiKey?: { id: string }; message?: string }>>(
      `mutation ($input: ${inputType}) { ${field}(input: $input) { __typename ... on Error { message } ${made[field] ?? ''} } }`,
      { input },
    );
    const answer = data?.[field];
    if (!answer || answer.message !== undefined) expect.unreachable(`${field}: ${JSON.stringify(errors ?? answer)}`);
    return answer.id ?? answer.apiKey?.id ?? '';
  };

const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1000).toISOString();
const rule = { key: 'staff', targeting: { if: [{ ends_with: [{ var: 'email' }, '@example.com'] }, 'new', null] } };
const flagKey = 'checkout';
const ofFlag = { flagKey, resource: { type: 'flag' }, environment: 'production' };
const override = { type: 'USER', targetId: 'ada' };

/** Every type of event, each caused as people and services cause it. In this order: later steps build on what earlier ones made. */
export const makeStory = (service: TestService, { databaseUrl }: { databaseUrl: string }): Step[] => {
  const mutate = makeMutate(service);
  let apiKeyId = '';
  const step = (type: AuditEventType, says: string, cause: Step['cause'], rest: Pick<Step, 'changed' | 'event'> = {}): Step => ({
    type,
    says,
    cause,
    ...rest,
  });
  /** A mutation of the flag in production, with the fields that it changes. */
  const change = (type: AuditEventType, says: string, field: string, input: object, changed: string[], event: object = {}) =>
    step(type, says, () => mutate(field, { flagKey, ...input }), { changed, event: { ...ofFlag, ...event } });

  const flag = [
    step(
      'flag.created',
      "Flag 'checkout' was created",
      () =>
        mutate('createFlag', {
          key: flagKey,
          name: 'Checkout',
          type: 'STRING',
          tags: ['shop'],
          variants: ['old', 'new'].map((key) => ({ key, value: key })),
        }),
      {
        changed: ['id', 'key', 'name', 'states', 'status', 'tags', 'type', 'variants'],
        event: { ...ofFlag, previousState: null, newState: { key: flagKey, states: { staging: { enabled: false } } } },
      },
    ),
    change('flag.updated', "name changed from 'Checkout' to 'New checkout'", 'updateFlag', { name: 'New checkout' }, ['name']),
    change('flag.enabled', 'was enabled', 'updateFlagState', { updates: { enabled: true } }, ['enabled'], {
      previousState: { enabled: false, version: 1 },
      newState: { enabled: true, version: 2 },
      metadata: { environment: 'production', adminUserId: 'admin-a', adminEmail: 'a@example.com' },
    }),
    change('flag.rollout_changed', 'rollout configuration changed', 'updateFlagState', { updates: { rolloutPercentage: 25 } }, [
      'rolloutPercentage',
    ]),
    change('flag.disabled', 'was disabled', 'updateFlagState', { updates: { enabled: false } }, ['enabled']),
    change('flag_rule.added', "rule 'staff' was added", 'addFlagRule', { rule }, ["rules['staff']"], {
      metadata: { ruleKey: 'staff' },
    }),
    change('flag_rule.updated', "rule 'staff' was changed", 'updateFlagRule', { rule: { ...rule, description: 'us' } }, [
      "rules['staff'].description",
    ]),
    change('flag_rule.removed', "rule 'staff' was removed", 'removeFlagRule', { ruleKey: 'staff' }, ["rules['staff']"]),
    change(
      'flag_override.added',
      "user 'ada' gets 'new'",
      'addFlagOverride',
      { override: { ...override, variant: 'new' } },
      ["overrides['USER:ada']"],
      {
        metadata: { override_type: 'USER', target_id: 'ada', variant: 'new', expiresAt: null },
      },
    ),
    change('flag_override.removed', "the override of user 'ada' was removed", 'removeFlagOverride', { override }, [
      "overrides['USER:ada']",
    ]),
    change(
      'flag_experiment.started',
      "experiment 'colour' was started",
      'startExperiment',
      { experiment: { key: 'colour', variants: ['old', 'new'].map((variant) => ({ variant, weight: 1 })) } },
      ['experiment'],
    ),
    change(
      'flag_experiment.stopped',
      "'new' has won: more sales",
      'stopExperiment',
      { outcome: 'more sales', winningVariant: 'new' },
      ['defaultVariant', 'experiment'],
    ),
    change(
      'flag_override.emergency',
      'fire',
      'emergencyOverride',
      { updates: { enabled: true }, reason: 'fire' },
      ['emergency', 'enabled'],
      {
        metadata: { override_type: 'EMERGENCY', target_id: flagKey, reason: 'fire', updates: { enabled: true } },
      },
    ),
  ];

  const ofSchedule = { flagKey, resource: { type: 'flag_schedule' }, scheduleId: expect.any(String) };
  const worker = { actor: { type: 'SYSTEM', id: 'system' }, requestContext: null };
  const schedule = (environment: string, scheduledAt: string, updates: object = { enabled: true }) =>
    mutate('createSchedule', { flagKey, environment, scheduledAt, updates });
  const schedules = [
    step(
      'flag_schedule.created',
      "A change of flag 'checkout' in staging was scheduled",
      () => schedule('staging', inSeconds(1.5), { enabled: true, rolloutPercentage: 10 }),
      { changed: ['scheduledAt', 'status', 'updates'], event: { ...ofSchedule, environment: 'staging' } },
    ),
    // What comes of that, and of one that meets the emergency override, is the worker's to say.
    step('flag_schedule.applied', 'enabled changed from false to true', async () => {}, {
      changed: ['enabled', 'rolloutPercentage'],
      event: { ...ofSchedule, ...worker, metadata: { updates: { rolloutPercentage: 10 }, flagState: { rolloutPercentage: 10 } } },
    }),
    step('flag_schedule.failed', 'An emergency override holds', () => schedule('production', inSeconds(1.5)), {
      changed: ['nextRetryAt', 'status'],
      event: { ...ofSchedule, ...worker, result: 'FAILURE', errorMessage: expect.stringContaining('fire') },
    }),
    step(
      'flag_schedule.updated',
      'was edited: maxRetries changed from 3 to 5',
      async () => mutate('updateSchedule', { id: await schedule('development', inSeconds(7200)), maxRetries: 5 }),
      {
        changed: ['maxRetries'],
        event: { ...ofSchedule, environment: 'development', metadata: { previousMaxRetries: 3, maxRetries: 5 } },
      },
    ),
    step(
      'flag_schedule.cancelled',
      'was cancelled: not now',
      async () => mutate('cancelSchedule', { id: await schedule('development', inSeconds(3600)), reason: 'not now' }),
      { changed: ['status'], event: { ...ofSchedule, metadata: { reason: 'not now' } } },
    ),
  ];

  const environments = [
    step(
      'environment.created',
      "Environment 'beta' was created",
      () => mutate('createEnvironment', { key: 'beta', name: 'Beta' }),
      {
        changed: ['enabled', 'key', 'name'],
      },
    ),
    step(
      'environment.updated',
      "Environment 'beta' was updated: name changed from 'Beta' to 'Beta testers'",
      () => mutate('updateEnvironment', { key: 'beta', name: 'Beta testers' }),
      { changed: ['name'] },
    ),
    ...(['disabled', 'enabled'] as const).map((what) =>
      step(
        `environment.${what}`,
        `Environment 'beta' was ${what}`,
        () => mutate(`${what.slice(0, -1)}Environment`, { key: 'beta' }),
        {
          changed: ['enabled'],
          event: { environment: 'beta', resource: { type: 'environment', id: 'beta' } },
        },
      ),
    ),
    step('environment.deleted', "Environment 'beta' was deleted", () => mutate('deleteEnvironment', { key: 'beta' }), {
      changed: ['enabled', 'key', 'name'],
      event: { environment: 'beta', newState: null },
    }),
  ];

  const keysOfKey = ['createdAt', 'createdBy', 'id', 'name', 'prefix', 'roles'];
  const apiKeys = [
    step(
      'api_key.created',
      "API key 'shop' (ftk_",
      async () => {
        apiKeyId = await mutate('createApiKey', { name: 'shop' });
      },
      { changed: keysOfKey },
    ),
    step('api_key.revoked', 'was revoked', () => mutate('revokeApiKey', { id: apiKeyId }), {
      changed: ['revokedAt', 'revokedBy'],
    }),
  ];

  const recordAs = (type: string, fields: object) => async () =>
    mutate('recordAuditEvents', {
      events: [{ id: uuidv7(), type, userId: 'u1', workspaceId: 'w1', ipAddress: '192.0.2.1', ...fields }],
    });
  const ofUser = { actor: { type: 'USER', id: 'u1' }, workspaceId: 'w1', requestContext: { ipAddress: '192.0.2.1' } };
  const recordedBy = { type: 'USER', id: 'admin-a' };
  const theme = { resource: 'setting', resourceId: 'theme', previousValue: 'dark', newValue: 'light' };
  const external = Object.entries(applicationEventAliases).map(([alias, type]) =>
    type === 'settings.changed'
      ? step(type, "Setting 'theme' changed from 'dark' to 'light'", recordAs(alias, theme), {
          changed: ['value'],
          event: ofUser,
        })
      : step(type, "User 'u1' ", recordAs(alias, { action: alias }), {
          event: { ...ofUser, metadata: { action: alias, recordedBy } },
        }),
  );
  const count = { count: 3, reason: 'queue_full', since: '2026-01-01T00:00:00.000Z', until: '2026-01-02T00:00:00.000Z' };
  const ofSender = { ...ofUser, actor: { type: 'USER', id: 'admin-a' } };
  const lost = recordAs('audit.loss', { userId: null, details: count });
  const loss = step('audit.loss', "3 audit events of User 'admin-a' were lost", lost, {
    event: { ...ofSender, result: 'FAILURE', metadata: { ...count, recordedBy } },
  });

  const reads = [
    step('flag.viewed', "Flag 'checkout' was viewed", () => service.gql(`{ flag(key: "${flagKey}") { name } }`), {
      event: { flagKey },
    }),
    step('flag.exported', '1 flag of staging was exported', () => service.gql('{ exportFlags(environment: "staging") }'), {
      event: { environment: 'staging' },
    }),
    step(
      'access.denied',
      'Access to deleteFlag was denied: the role ADMIN is required',
      async () => {
        const as = await token({ sub: 'eve', groups: ['auditor'] });
        return service.gql('mutation { deleteFlag(input: { flagKey: "checkout" }) { __typename } }', {}, { as });
      },
      { event: { actor: { id: 'eve' }, result: 'DENIED', metadata: { operation: 'deleteFlag', requiredRole: 'ADMIN' } } },
    ),
  ];

  const erased = step(
    'person.erased',
    "The personal data of 'eve' was erased",
    () => mutate('erasePerson', { actorId: 'eve', reason: 'request 17' }),
    { event: { resource: { type: 'person', id: 'eve' }, metadata: { actorId: 'eve', reason: 'request 17', notErasable: 0 } } },
  );
  /** What people do on the command line. */
  const command = async (...args: string[]) => {
    const { code, err } = await runCommand(args, { DATABASE_URL: databaseUrl, LOG_SIGNING_KEY: logKey });
    if (code !== 0) expect.unreachable(err);
  };
  const ofLog = {
    actor: { type: 'SERVICE_ACCOUNT', id: 'flagtrail-log', name: 'flagtrail log, for alice' },
    resource: { type: 'audit_log', id: 'audit_log' },
  };
  const newEpoch = ['log', 'new-epoch', '--force', '--reason', 'because', '--by', 'alice'];
  const log = [
    step('log.epoch_started', 'Epoch 2 of the log began at ', () => command(...newEpoch), {
      event: {
        ...ofLog,
        resource: { type: 'audit_log', id: expect.stringMatching(/\/2$/) },
        metadata: { epoch: 2, reason: 'because', abandoned: null, adminUserId: 'alice' },
      },
    }),
    step(
      'log.key_rotated',
      'signs the log, instead of flagtrail/',
      async () => {
        const file = path.join(temporaryFolder(), 'log.key');
        writeFileSync(file, newSigningKey());
        await command('log', 'rotate-key', '--to', file, '--by', 'alice');
      },
      { event: { ...ofLog, metadata: { adminUserId: 'alice', handover: expect.stringContaining('— flagtrail/') } } },
    ),
  ];

  const end = [
    change(
      'flag_override.removed',
      'the emergency override was lifted: out',
      'liftEmergencyOverride',
      { reason: 'out' },
      ['emergency'],
      {
        metadata: { override_type: 'EMERGENCY', reason: 'out' },
      },
    ),
    change('flag.deprecated', "Flag 'checkout' was deprecated", 'deprecateFlag', {}, ['status']),
    change('flag.activated', "Flag 'checkout' was made active again", 'activateFlag', {}, ['status']),
    change('flag.archived', "Flag 'checkout' was archived", 'archiveFlag', {}, ['status']),
    change('flag.deleted', "Flag 'checkout' was deleted, which cancelled 2 open schedules", 'deleteFlag', {}, [
      'id',
      'key',
      'name',
      'states',
      'status',
      'tags',
      'type',
      'variants',
    ]),
  ];
  return [...flag, ...schedules, ...environments, ...apiKeys, ...external, loss, ...reads, erased, ...log, ...end];
};
