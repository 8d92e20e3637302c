import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import { toEntry } from '../../src/audit/model/audit-event.ts';
import type { AuditEvent } from '../../src/catalogue/audit-event.ts';
import { metadataSchemas } from '../../src/catalogue/event-types.ts';
import type { TestDatabase } from '../support/databases.ts';
import type { TestService } from '../support/service.ts';

// GraphQL as an admin's client writes it, and the tables as the tests look into them.

const scheduleFields = `id flagKey environment scheduledAt updates { enabled rolloutPercentage defaultVariant } status createdAt
  createdBy cancelledAt cancelledBy cancelReason appliedAt errorMessage retryCount maxRetries nextRetryAt conflicts { id }`;
const errorFields = '... on Error { message code } ... on ValidationError { issues { path message } }';

export type ScheduleAnswer = {
  __typename: string;
  id: string;
  flagKey: string;
  environment: string;
  scheduledAt: string;
  updates: { enabled: boolean | null; rolloutPercentage: number | null; defaultVariant: string | null };
  status: string;
  createdAt: string;
  createdBy: string | null;
  cancelledAt: string | null;
  cancelledBy: string | null;
  cancelReason: string | null;
  appliedAt: string | null;
  errorMessage: string | null;
  retryCount: number;
  maxRetries: number;
  nextRetryAt: string | null;
  conflicts: { id: string }[];
  message?: string;
  code?: string;
  issues?: { path: string[]; message: string }[];
  scheduleId?: string;
};

type Options = { as?: string | null };

const createScheduleMutation = `mutation ($input: CreateScheduleInput!) { createSchedule(input: $input) {
  __typename ... on Schedule { ${scheduleFields} } ${errorFields} ... on IdempotencyConflictError { idempotencyKey scheduleId } } }`;
const cancelScheduleMutation = `mutation ($input: CancelScheduleInput!) { cancelSchedule(input: $input) {
  __typename ... on Schedule { ${scheduleFields} } ${errorFields}
  ... on ScheduleNotCancellableError { status } ... on ScheduleNotFoundError { id } } }`;

/** The whole response, for inputs that GraphQL itself refuses. */
export const tryCreateSchedule = (service: TestService, input: object, options: Options = {}) =>
  service.gql<{ createSchedule: ScheduleAnswer }>(createScheduleMutation, { input }, options);

export const tryCancelSchedule = (service: TestService, input: object, options: Options = {}) =>
  service.gql<{ cancelSchedule: ScheduleAnswer }>(cancelScheduleMutation, { input }, options);

export const createSchedule = async (service: TestService, input: object, options: Options = {}): Promise<ScheduleAnswer> => {
  const { data, errors } = await tryCreateSchedule(service, input, options);
  return data?.createSchedule ?? expect.unreachable(JSON.stringify(errors));
};

export const cancelSchedule = async (service: TestService, input: object, options: Options = {}): Promise<ScheduleAnswer> => {
  const { data, errors } = await tryCancelSchedule(service, input, options);
  return data?.cancelSchedule ?? expect.unreachable(JSON.stringify(errors));
};

export const findSchedule = async (service: TestService, id: string): Promise<ScheduleAnswer | null> => {
  const { data, errors } = await service.gql<{ schedule: ScheduleAnswer | null }>(
    `query ($id: ID!) { schedule(id: $id) { ${scheduleFields} } }`,
    { id },
  );
  expect(errors).toBeUndefined();
  return data?.schedule ?? null;
};

export const createFlag = async (service: TestService, key: string): Promise<string> => {
  const { data, errors } = await service.gql<{ createFlag: { id: string } }>(
    'mutation ($input: CreateFlagInput!) { createFlag(input: $input) { ... on Flag { id } ... on Error { message } } }',
    { input: { key, name: key } },
  );
  return data?.createFlag.id ?? expect.unreachable(JSON.stringify(errors ?? data));
};

export const deleteFlag = async (service: TestService, flagKey: string, options: Options = {}) =>
  service.gql<{ deleteFlag: { __typename: string; code?: string } }>(
    'mutation ($input: DeleteFlagInput!) { deleteFlag(input: $input) { __typename ... on Error { code message } } }',
    { input: { flagKey } },
    options,
  );

/** Events that exist, wherever they are on their way: one statement, so that none is counted on both sides of a move. */
export const countEvents = async ({ sql }: Pick<TestDatabase, 'sql'>): Promise<number> => {
  const [row] = await sql<{ n: number }>(
    'SELECT ((SELECT count(*) FROM audit_outbox) + (SELECT count(*) FROM audit_log))::int AS n',
  );
  return row?.n ?? expect.unreachable();
};

type LogRow = { position: number; entry: string; leaf_hash: Uint8Array; schedule_id: string | null };

/** The log's events in order. Checks on the way what holds for every log: gapless, no id twice, canonical, hashed, known metadata. */
export const readLog = async ({ sql }: Pick<TestDatabase, 'sql'>): Promise<AuditEvent[]> => {
  const rows = await sql<LogRow>('SELECT position, entry, leaf_hash, schedule_id FROM audit_log ORDER BY position');
  expect(rows.map(({ position }) => Number(position))).toEqual(rows.map((_, index) => index + 1));
  const events = rows.map(({ entry }) => JSON.parse(entry) as AuditEvent);
  expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
  for (const [index, event] of events.entries()) {
    const row = rows[index];
    if (!row) return expect.unreachable();
    if (toEntry(event) !== row.entry) expect(row.entry, 'canonical JSON').toBe(toEntry(event));
    const hash = createHash('sha256').update(Uint8Array.of(0)).update(row.entry).digest('hex');
    if (hash !== Buffer.from(row.leaf_hash).toString('hex')) expect.unreachable(`leaf_hash of position ${index + 1}`);
    metadataSchemas[event.eventType].strict().parse(event.metadata);
  }
  const [head] = await sql<{ size: number }>('SELECT size FROM audit_head');
  expect(Number(head?.size)).toBe(rows.length);
  return events;
};
