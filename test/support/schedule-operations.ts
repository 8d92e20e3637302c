import { expect } from 'vitest';
import type { TestService } from './service.ts';

// GraphQL operations as an admin's client writes them.

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
