import { v7 as uuidv7 } from 'uuid';
import { expect } from 'vitest';
import type { TestService } from '../support/service.ts';

type Result = { id: string; status: string; issues: { path: string[]; message: string }[] };
export type Answer = {
  __typename: string;
  recorded?: number;
  duplicates?: number;
  refused?: number;
  results?: Result[];
  issues?: { path: string[]; message: string }[];
};

export const recordDocument = `mutation ($input: RecordAuditEventsInput!) { recordAuditEvents(input: $input) { __typename
  ... on RecordAuditEventsPayload { recorded duplicates refused results { id status issues { path message } } }
  ... on ValidationError { issues { path message } } } }`;

/** An event that is accepted as it is. */
export const anEvent = (fields: object = {}) => ({ id: uuidv7(), type: 'login', userId: 'u1', ...fields });

export const makeRecord =
  ({ gql }: Pick<TestService, 'gql'>) =>
  async (events: readonly object[], as?: Parameters<TestService['gql']>[2]): Promise<Answer> => {
    const { data, ...rest } = await gql<{ recordAuditEvents: Answer }>(recordDocument, { input: { events } }, as);
    return data?.recordAuditEvents ?? expect.unreachable(JSON.stringify(rest));
  };
